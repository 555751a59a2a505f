import { Hono, type MiddlewareHandler } from 'hono'
import { DependencyError } from '../aws/errors.aws.ts'
import { whereThrown } from '../core/logger.ts'
import type { AgentsDeps, CommonDeps, IdentityDeps } from './deps.ts'
import { createEndpoints } from './endpoint.ts'
import { refuse } from './refuse.ts'
import { plainPath } from './middleware/plain-path.ts'
import { requestFacts } from './middleware/request-facts.ts'
import type { AppEnv, Platform } from './request.ts'
import { accountRoutes } from './routes/accounts.ts'
import { agentRoutes, instanceRoutes, tenantRoutes } from './routes/agents.ts'
import { auditRoutes } from './routes/audit.ts'
import { inviteRoutes } from './routes/invites.ts'
import { publicRoutes } from './routes/public.ts'
import { sessionRoutes } from './routes/sessions.ts'

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

/** Invites, sign-up, sign-in, sessions, tokens, the trail: the function that hashes passwords and reads no credential. */
export const createIdentityApp = (
  deps: IdentityDeps,
  platform: Platform,
  gate?: MiddlewareHandler<AppEnv>,
): Hono<AppEnv> => {
  const app = createBase(deps, gate)
  addIdentityRoutes(app, deps, platform)
  return app
}

/** Identity and agents in one process, as on one machine. */
export const createWholeApp = (
  deps: IdentityDeps & AgentsDeps,
  platform: Platform,
  gate?: MiddlewareHandler<AppEnv>,
): Hono<AppEnv> => {
  const app = createBase(deps, gate)
  addIdentityRoutes(app, deps, platform)
  addAgentsRoutes(app, deps, platform)
  return app
}

const addIdentityRoutes = (app: Hono<AppEnv>, deps: IdentityDeps, platform: Platform): void => {
  const route = createEndpoints(app, deps, platform)
  publicRoutes(route, deps)
  accountRoutes(route, deps, platform)
  sessionRoutes(route, deps, platform)
  inviteRoutes(route, deps)
  auditRoutes(route, deps)
}

const addAgentsRoutes = (app: Hono<AppEnv>, deps: AgentsDeps, platform: Platform): void => {
  const route = createEndpoints(app, deps, platform)
  agentRoutes(route, deps)
  tenantRoutes(route, deps)
  instanceRoutes(route, deps)
}
