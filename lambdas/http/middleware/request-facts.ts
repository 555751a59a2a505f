import type { MiddlewareHandler } from 'hono'
import type { Logger } from '../../core/logger.ts'
import type { Random } from '../../core/random.ts'
import type { AppEnv } from '../request.ts'

/** Gives each request its id, and writes one line when it is answered: operation and reason, never what was sent. */
export const requestFacts = ({ random, logger }: { random: Random; logger: Logger }): MiddlewareHandler<AppEnv> => {
  // Unique, not secret: one random start per process and a count save a system call per request.
  const start = random.bytes(8).toString('hex')
  let count = 0
  return async (c, next) => {
    count = (count + 1) % 2 ** 32
    const requestId = start + count.toString(16).padStart(8, '0')
    const startedAt = performance.now()
    c.set('facts', { requestId, startedAt })
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
}
