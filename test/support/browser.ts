import type { Hono } from 'hono'
import type { AppEnv } from '../../lambdas/http/request.ts'

export interface Reply {
  status: number
  /** JSON as it came: the tests say by their assertions what must be in it. */
  body: any
  text: string
  headers: Headers
  setCookies: string[]
}

/** The body of an answer that has the status it should have. Throws what was answered instead. */
export const must = (reply: Reply, status: number, what: string): Reply['body'] => {
  if (reply.status !== status) throw new Error(`${what} answered ${reply.status}: ${reply.text}`)
  return reply.body
}

export interface Fetcher {
  fetch: (request: Request, env?: Record<string, unknown>) => Response | Promise<Response>
}

export const ORIGIN = 'http://localhost:3000'

export interface BrowserOptions {
  origin?: string
  address?: string
  userAgent?: string
}

/** A browser profile in front of an app: keeps cookies, says its origin, comes from an address. */
export const createBrowser = (app: Fetcher | Hono<AppEnv>, options: BrowserOptions = {}) => {
  const { origin = ORIGIN, address = '203.0.113.10', userAgent = 'Test Browser' } = options
  const cookies = new Map<string, string>()

  const send = async (
    method: string,
    path: string,
    init: { body?: unknown; raw?: string; headers?: Record<string, string | null> } = {},
  ): Promise<Reply> => {
    const headers = new Headers({ origin, 'user-agent': userAgent, 'x-test-address': address })
    const text = init.raw ?? (init.body === undefined ? undefined : JSON.stringify(init.body))
    if (text !== undefined) headers.set('content-type', 'application/json')
    if (cookies.size > 0) headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    for (const [name, value] of Object.entries(init.headers ?? {})) {
      if (value === null) headers.delete(name)
      else headers.set(name, value)
    }
    const response = await app.fetch(new Request(`${origin}${path}`, { method, headers, body: text }), {})
    const setCookies = response.headers.getSetCookie()
    for (const cookie of setCookies) {
      const [pair = ''] = cookie.split(';')
      const name = pair.slice(0, pair.indexOf('='))
      const value = pair.slice(pair.indexOf('=') + 1)
      if (/Max-Age=0(?:;|$)/.test(cookie)) cookies.delete(name)
      else cookies.set(name, value)
    }
    const body = await response.text()
    return {
      status: response.status,
      text: body,
      body: body === '' ? undefined : JSON.parse(body),
      headers: response.headers,
      setCookies,
    }
  }

  return {
    cookies,
    send,
    get: (path: string, headers?: Record<string, string | null>) => send('GET', path, { headers }),
    post: (path: string, body?: unknown, headers?: Record<string, string | null>) =>
      send('POST', path, { body, headers }),
    put: (path: string, body?: unknown) => send('PUT', path, { body }),
    patch: (path: string, body?: unknown) => send('PATCH', path, { body }),
    del: (path: string) => send('DELETE', path),
  }
}

export type Browser = ReturnType<typeof createBrowser>
