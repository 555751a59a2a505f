import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import type { Hono } from 'hono'
import { systemRandom } from '../lambdas/core/random.ts'
import { toErrorResponse } from '../lambdas/http/error-response.ts'
import { type AppContext, type AppEnv, LOCAL_COOKIES, type Platform } from '../lambdas/http/request.ts'

const MAX_HEADER_BYTES = 16 * 1024
const REQUEST_TIMEOUT_MILLISECONDS = 30_000

const hasSocket = (value: unknown): value is HttpBindings['incoming'] =>
  typeof value === 'object' && value !== null && 'socket' in value

/** The local server stands behind no proxy, so the client's address is the peer's and forwarded headers mean nothing. */
export const localPlatform: Platform = {
  cookies: LOCAL_COOKIES,
  clientAddress: (c: AppContext) => {
    const { incoming } = c.env
    return hasSocket(incoming) ? (incoming.socket.remoteAddress ?? 'unknown') : 'unknown'
  },
}

const refuseHost = (): Response =>
  toErrorResponse({ code: 'misdirected', reason: 'host' }, systemRandom.bytes(12).toString('hex'))

/**
 * Serves API and site on the loopback interface only, under one origin. A request that names another host is turned away
 * before anything else: that is how a foreign page would reach a server on this machine (DNS rebinding).
 */
export const startServer = async (input: {
  app: Hono<AppEnv>
  /** Runs before an answer of the API goes out: what AWS does soon after, one machine does at once. */
  afterwards: () => Promise<unknown>
  site: (request: Request) => Response
  port: number
}): Promise<{ close: () => Promise<void> }> => {
  const { app, afterwards, site, port } = input
  const ownOrigin = `http://localhost:${port}`
  const hosts = new Set([`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`])

  const listener = getRequestListener(
    async (request, env) => {
      const url = new URL(request.url)
      const host = request.headers.get('host') ?? ''
      if (!hosts.has(host)) return refuseHost()
      if (url.pathname === '/api' || url.pathname.startsWith('/api/')) {
        const answered = await app.fetch(request, { ...env })
        if (url.pathname.startsWith('/api/admin/invites') && request.method === 'POST') await afterwards()
        return answered
      }
      if (host !== `localhost:${port}`) return Response.redirect(`${ownOrigin}${url.pathname}${url.search}`, 302)
      return site(request)
    },
    { hostname: `localhost:${port}` },
  )

  const listen = async (address: string): Promise<Server | null> => {
    const server = createServer(
      { maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: REQUEST_TIMEOUT_MILLISECONDS },
      (incoming, outgoing) => {
        void listener(incoming, outgoing)
      },
    )
    server.listen(port, address)
    try {
      await once(server, 'listening')
      return server
    } catch (error) {
      if (address === '::1' && error instanceof Error && 'code' in error && error.code !== 'EADDRINUSE') return null
      throw error
    }
  }

  const servers = [await listen('127.0.0.1'), await listen('::1')].filter((server) => server !== null)
  return {
    close: async () => {
      await Promise.all(
        servers.map(async (server) => {
          server.close()
          server.closeIdleConnections()
          setTimeout(() => server.closeAllConnections(), 1_000).unref()
          await once(server, 'close')
        }),
      )
    },
  }
}
