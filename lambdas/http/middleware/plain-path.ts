import type { MiddlewareHandler } from 'hono'
import { toErrorResponse } from '../error-response.ts'
import type { AppEnv } from '../request.ts'

const PLAIN_PATH = /^(?:\/[A-Za-z0-9._~-]+)+$/

/** One spelling per path: what needs decoding, folding or collapsing to match a route is not found. */
export const plainPath: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { pathname } = new URL(c.req.url)
  if (PLAIN_PATH.test(pathname) && !pathname.split('/').some((part) => part === '.' || part === '..')) return next()
  c.set('refusalReason', 'path_spelling')
  return toErrorResponse({ code: 'not_found', reason: 'path_spelling' }, c.get('facts').requestId)
}
