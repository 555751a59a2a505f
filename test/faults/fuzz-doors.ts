import { connect } from 'node:net'
import { VIEWER_ADDRESS_HEADER } from '../../lambdas/contract/site.ts'
import { createHttpHandler } from '../../lambdas/entry/http-handler.ts'
import { startServer } from '../../local/server.ts'
import { ORIGIN } from '../support/browser.ts'
import type { Dice } from '../support/dice.ts'
import type { Harness } from '../support/harness.ts'
import { freePort } from '../support/running-product.ts'
import { bend } from './fuzz-values.ts'
import type { FuzzRequest } from './fuzz-requests.ts'

/** The three ways in: the app itself, API Gateway's events, and a socket of the local server. */

export interface FuzzAnswer {
  status: number
  header: (name: string) => string | null
  setCookies: readonly string[]
  /** Every header on lines of their own, for the search. */
  headerText: string
  text: string
}

export interface FuzzDoor {
  name: string
  /** Null where the way in itself refused: such a request cannot be made there. */
  send: (request: FuzzRequest, address: string) => Promise<FuzzAnswer | null>
}

const toAnswer = (status: number, headers: Headers, text: string): FuzzAnswer => ({
  status,
  header: (name) => headers.get(name),
  setCookies: headers.getSetCookie(),
  headerText: [...headers].map(([name, value]) => `${name}: ${value}`).join('\n'),
  text,
})

export const createAppDoor = (app: Harness['app']): FuzzDoor => ({
  name: 'app',
  send: async ({ method, target, headers, body }, address) => {
    let request: Request
    try {
      request = new Request(`${ORIGIN}${target}`, {
        method,
        headers: [...headers, [VIEWER_ADDRESS_HEADER, address]],
        body: body === undefined ? undefined : new Uint8Array(body),
      })
    } catch {
      return null
    }
    const response = await app.fetch(request, {})
    return toAnswer(response.status, response.headers, await response.text())
  },
})

const isUtf8 = (body: Buffer): boolean => Buffer.from(body.toString()).equals(body)

const toEvent = ({ method, target, headers, body }: FuzzRequest, address: string) => {
  const [rawPath = '', ...query] = target.split('?')
  const cookies = headers.filter(([name]) => name === 'cookie').flatMap(([, value]) => value.split('; '))
  const isBase64Encoded = body !== undefined && !isUtf8(body)
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString: query.join('?'),
    ...(cookies.length === 0 ? {} : { cookies }),
    headers: {
      host: 'localhost:3000',
      ...Object.fromEntries(headers.filter(([name]) => name !== 'cookie')),
      [VIEWER_ADDRESS_HEADER]: address,
    },
    requestContext: {
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '10.0.0.1', userAgent: 'Fuzz' },
      requestId: 'gateway',
    },
    ...(body === undefined ? {} : { body: body.toString(isBase64Encoded ? 'base64' : 'utf8') }),
    isBase64Encoded,
  }
}

/** One event in thirty is itself bent: what does not add up must be refused too. */
const BENT_EVENT = 1 / 30

export const createLambdaDoor = (app: Harness['app'], dice: Dice): FuzzDoor => {
  const handler = createHttpHandler(app)
  return {
    name: 'lambda',
    send: async (request, address) => {
      const whole = toEvent(request, address)
      const event = dice.chance(BENT_EVENT) ? bend(dice, whole) : whole
      const result = await handler(event as Parameters<typeof handler>[0])
      const headers = new Headers(result.headers as Record<string, string>)
      for (const cookie of result.cookies ?? []) headers.append('set-cookie', cookie)
      const text = result.isBase64Encoded ? Buffer.from(result.body, 'base64').toString() : result.body
      return toAnswer(result.statusCode, headers, text)
    },
  }
}

/** Null where the answer is not all there. */
const readAnswer = (raw: Buffer, hasBody: boolean): FuzzAnswer | null => {
  const text = raw.toString('latin1')
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? Number.NaN)
  if (Number.isNaN(status)) return null
  const headers = new Headers()
  for (const line of lines) headers.append(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim())
  const length = hasBody ? Number(headers.get('content-length') ?? 0) : 0
  const body = Buffer.from(rest.join('\r\n\r\n'), 'latin1').subarray(0, length)
  return body.length < length ? null : toAnswer(status, headers, body.toString())
}

const linesOf = ({ method, target, headers, body }: FuzzRequest, host: string): string[] => [
  `${method} ${target} HTTP/1.1`,
  `Host: ${host}`,
  ...headers.map(([name, value]) => `${name}: ${value}`),
  ...(body === undefined ? [] : [`Content-Length: ${body.length}`]),
  'Connection: close',
]

const toBytes = (lines: readonly string[], body: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body])

/** Bytes as a client with no manners would send them. */
const breakBytes = (dice: Dice, lines: readonly string[], body: Buffer | undefined): Buffer => {
  const whole = toBytes(lines, body)
  switch (dice.number(8)) {
    case 0:
      return Buffer.concat([whole.subarray(0, dice.number(whole.length)), dice.bytes(20)])
    case 1:
      return dice.bytes(400)
    case 2:
      return toBytes(
        lines.map((line) =>
          line.replace(/^Content-Length: .*/, `Content-Length: ${dice.pick(['-1', '1e3', '5, 6', '9', '99999999'])}`),
        ),
        body,
      )
    case 3:
      return toBytes([...lines, 'Transfer-Encoding: chunked'], body)
    case 4:
      return toBytes([...lines, `Bad Header: ${'z'.repeat(dice.pick([1, 20_000]))}`], body)
    case 5:
      return toBytes(
        lines.map((line) => line.replace(/^Host: .*/, `Host: ${dice.pick(['evil.example', '', 'localhost'])}`)),
        body,
      )
    case 6:
      return toBytes([(lines[0] ?? '').replace('1.1', dice.pick(['1.0', '2.0', '9'])), ...lines.slice(1)], body)
    default:
      return Buffer.concat([whole, whole])
  }
}

/** A client that breaks its word also hangs up: half a request would be waited for. */
const exchange = (port: number, bytes: Buffer, hangsUp: boolean): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => (hangsUp ? socket.end(bytes) : socket.write(bytes)))
    socket.on('data', (chunk) => chunks.push(chunk))
    // A server that throws a client out in the middle of a sentence resets the connection; what it said before still counts.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve(Buffer.concat(chunks)))
  })

const BROKEN_BYTES = 0.25

export const openSocketDoor = async (
  app: Harness['app'],
  dice: Dice,
): Promise<FuzzDoor & { close: () => Promise<void> }> => {
  const port = await freePort()
  const site = () => new Response('site')
  const server = await startServer({ app, afterwards: async () => undefined, site, port })
  return {
    name: 'socket',
    send: async (request, address) => {
      const headers: FuzzRequest['headers'] = [...request.headers, [VIEWER_ADDRESS_HEADER, address]]
      const lines = linesOf({ ...request, headers }, `localhost:${port}`)
      const isBroken = dice.chance(BROKEN_BYTES)
      const bytes = isBroken ? breakBytes(dice, lines, request.body) : toBytes(lines, request.body)
      const answer = readAnswer(await exchange(port, bytes, isBroken), request.method.toUpperCase() !== 'HEAD')
      // Node.js hangs up on CONNECT where nobody listens for it.
      if (answer === null && !isBroken && request.method !== 'CONNECT')
        throw new Error('the connection ended without a whole answer')
      return answer
    },
    close: server.close,
  }
}
