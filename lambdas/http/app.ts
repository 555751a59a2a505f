import { Hono, type MiddlewareHandler } from 'hono'
import { DependencyError } from '../aws/errors.aws.ts'
import { whereThrown } from '../core/logger.ts'
import type { CommonDeps } from './deps.ts'
import { refuse } from './refuse.ts'
import { plainPath } from './middleware/plain-path.ts'
import { requestFacts } from './middleware/request-facts.ts'
import type { AppEnv, Platform } from './request.ts'

/** The empty app: what stands in front of every route, and what answers when none does or one breaks. */
const createBase = (deps: CommonDeps, gate?: MiddlewareHandler<AppEnv>): Hono<AppEnv> => {
  const app = new Hono<AppEnv>({ strict: true })
  app.use(requestFacts(deps))
  if (gate !== undefined) app.use(gate)
  app.use(plainPath)
  app.notFound((c) => refuse(c, { code: 'not_found', reason: 'no_route' }))
  app.onError((error, c) => {
    const { requestId } = c.get('facts')
    if (error instanceof DependencyError) {
      deps.logger.error('dependency failed', {
        requestId,
        dependency: error.dependency,
        reason: error.kind,
        errorName: error.cause instanceof Error ? error.cause.name : 'unknown',
      })
      return refuse(c, { code: 'unavailable', reason: error.kind })
    }
    deps.logger.error('request broke', { requestId, errorName: error.name, where: whereThrown(error) })
    return refuse(c, { code: 'internal', reason: error.name })
  })
  return app
}

/** Adds one function's routes to an app. */
export type AddRoutes<D extends CommonDeps> = (app: Hono<AppEnv>, deps: D, platform: Platform) => void

/** An app of some functions' routes; `gate` stands in front of everything but the request's own facts. */
export const createApp = <D extends CommonDeps>(
  parts: readonly AddRoutes<D>[],
  deps: D,
  platform: Platform,
  gate?: MiddlewareHandler<AppEnv>,
): Hono<AppEnv> => {
  const app = createBase(deps, gate)
  for (const addRoutes of parts) addRoutes(app, deps, platform)
  return app
}
