import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

interface SlackCall {
  method: string
  token: string
  fields: Record<string, string>
}

/**
 * Slack's Web API and Socket Mode on loopback, as far as an agent uses them. `socketOrigin` is where agents are sent for Socket
 * Mode when they do not come over loopback.
 */
export const startStandInSlack = async (socketOrigin?: string) => {
  const calls: SlackCall[] = []
  const acknowledged: string[] = []
  const refusals = new Map<string, string>()
  const sockets = new Map<WebSocket, string>()
  let envelopes = 0

  const answer = ({ method, token }: SlackCall): Record<string, unknown> => {
    const error = refusals.get(token) ?? refusals.get(method)
    if (error !== undefined) return { ok: false, error }
    if (method === 'auth.test') return { ok: true, team_id: 'T1', user_id: 'UBOT' }
    if (method === 'apps.connections.open')
      return { ok: true, url: `${socketOrigin ?? `ws://127.0.0.1:${port}`}/link?token=${token}` }
    return { ok: true, ts: '1.1' }
  }

  const server = createServer((request, response) => {
    let form = ''
    request.on('data', (chunk: Buffer) => (form += chunk.toString()))
    request.on('end', () => {
      const call = {
        method: (request.url ?? '').replace('/api/', ''),
        token: (request.headers.authorization ?? '').replace('Bearer ', ''),
        fields: Object.fromEntries(new URLSearchParams(form)),
      }
      calls.push(call)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(answer(call)))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  new WebSocketServer({ server }).on('connection', (socket, request) => {
    sockets.set(socket, new URL(request.url ?? '', 'ws://x').searchParams.get('token') ?? '')
    socket.on('close', () => sockets.delete(socket))
    socket.on('message', (data) => acknowledged.push(JSON.parse(String(data)).envelope_id))
    socket.send(JSON.stringify({ type: 'hello', num_connections: 1 }))
  })

  /** One event to every open connection; the id of its envelope. */
  const send = (event: Record<string, unknown>, body: Record<string, unknown> = {}): string => {
    envelopes += 1
    const envelopeId = `envelope-${envelopes}`
    const payload = { team_id: 'T1', event_id: `Ev${String(event.ts)}`, ...body, event }
    for (const socket of sockets.keys())
      socket.send(JSON.stringify({ type: 'events_api', envelope_id: envelopeId, payload }))
    return envelopeId
  }

  return {
    apiUrl: `http://127.0.0.1:${port}/api/`,
    calls,
    acknowledged,
    /** From now on a token, or a method, gets this error. */
    refuse: (tokenOrMethod: string, error: string) => void refusals.set(tokenOrMethod, error),
    allow: (tokenOrMethod: string) => void refusals.delete(tokenOrMethod),
    /** The app tokens of the connections that are open. */
    connected: () => [...sockets.values()],
    dropConnections: () => {
      for (const socket of sockets.keys()) socket.terminate()
    },
    send,
    mention: (text: string, ts: string, more: Record<string, unknown> = {}) =>
      send({ type: 'app_mention', channel: 'C1', user: 'U1', team: 'T1', text: `<@UBOT> ${text}`, ts, ...more }),
    direct: (text: string, ts: string, more: Record<string, unknown> = {}) =>
      send({ type: 'message', channel: 'D1', channel_type: 'im', user: 'U1', team: 'T1', text, ts, ...more }),
    /** What was posted, as thread and text. */
    posts: () =>
      calls
        .filter(({ method }) => method === 'chat.postMessage')
        .map(({ fields }) => ({ thread: fields.thread_ts, text: fields.markdown_text ?? '' })),
    stop: () => {
      for (const socket of sockets.keys()) socket.terminate()
      server.closeAllConnections()
      server.close()
    },
  }
}

export type StandInSlack = Awaited<ReturnType<typeof startStandInSlack>>
