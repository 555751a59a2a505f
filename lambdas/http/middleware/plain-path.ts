import type { MiddlewareHandler } from 'hono'
import { refuse } from '../refuse.ts'
import type { AppEnv } from '../request.ts'

/** Origin, then segments of unreserved characters (RFC 3986) that are no dot segments, then a query if there is one. */
const PLAIN_URL = /^[a-z]+:\/\/[^/]+(?:\/(?!\.{1,2}(?:[/?]|$))[A-Za-z0-9._~-]+)+(?:\?|$)/

/** One spelling per path: what needs decoding, folding or collapsing to match a route is not found. */
export const plainPath: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (PLAIN_URL.test(c.req.url)) return next()
  return refuse(c, { code: 'not_found', reason: 'path_spelling' })
}
