import type { MiddlewareHandler } from 'hono'
import type { Logger } from '../../core/logger.ts'
import type { Random } from '../../core/random.ts'
import type { AppEnv } from '../request.ts'

/** Headers of every API answer: never cached, never framed, never guessed at. */
const API_HEADERS: Record<string, string> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'strict-transport-security': 'max-age=63072000; includeSubDomains',
}

const API_HEADER_LIST = Object.entries(API_HEADERS)

/** Gives each request its id, and writes one line when it is answered: operation and reason, never what was sent. */
export const requestFacts =
  ({ random, logger }: { random: Random; logger: Logger }): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const requestId = random.bytes(12).toString('hex')
    const startedAt = performance.now()
    c.set('facts', { requestId, startedAt })
    // Prepared before the answer, so that every answer is made once and with them.
    for (const [name, value] of API_HEADER_LIST) c.header(name, value)
    c.header('x-request-id', requestId)
    await next()
    const { status } = c.res
    const principal = c.get('principal')
    logger.info('answered', {
      requestId,
      method: c.req.method,
      operation: c.get('operation') ?? 'unknown',
      status,
      durationMilliseconds: Math.round(performance.now() - startedAt),
      reason: c.get('refusalReason'),
      accountId: principal?.account.accountId,
      tenantId: principal?.account.tenantId ?? undefined,
    })
  }
