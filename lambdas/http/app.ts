import { Hono, type MiddlewareHandler } from 'hono'
import { DependencyError } from '../aws/errors.aws.ts'
import { whereThrown } from '../core/logger.ts'
import type { AgentsDeps, CommonDeps, IdentityDeps, SupportDeps } from './deps.ts'
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
import { supportRoutes } from './routes/support.ts'

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

type AddRoutes<D extends CommonDeps> = (app: Hono<AppEnv>, deps: D, platform: Platform) => void

const createApp =
  <D extends CommonDeps>(...parts: AddRoutes<D>[]) =>
  (deps: D, platform: Platform, gate?: MiddlewareHandler<AppEnv>): Hono<AppEnv> => {
    const app = createBase(deps, gate)
    for (const addRoutes of parts) addRoutes(app, deps, platform)
    return app
  }

const addIdentityRoutes: AddRoutes<IdentityDeps> = (app, deps, platform) => {
  const route = createEndpoints(app, deps, platform)
  publicRoutes(route, deps)
  accountRoutes(route, deps, platform)
  sessionRoutes(route, deps, platform)
  inviteRoutes(route, deps)
  auditRoutes(route, deps)
}

const addAgentsRoutes: AddRoutes<AgentsDeps> = (app, deps, platform) => {
  const route = createEndpoints(app, deps, platform)
  agentRoutes(route, deps)
  tenantRoutes(route, deps)
  instanceRoutes(route, deps)
}

const addSupportRoutes: AddRoutes<SupportDeps> = (app, deps, platform) =>
  supportRoutes(createEndpoints(app, deps, platform), deps)

/** Invites, sign-up, sign-in, sessions, tokens, the trail: the function that hashes passwords and reads no credential. */
export const createIdentityApp = createApp(addIdentityRoutes)

/** Onboarding, credentials, lifecycle, tenants as a whole, and the machines' own calls. */
export const createAgentsApp = createApp(addAgentsRoutes)

/** What support engineers see. */
export const createSupportApp = createApp(addSupportRoutes)

/** All of it in one process, as on one machine. */
export const createWholeApp = createApp<IdentityDeps & AgentsDeps>(addIdentityRoutes, addAgentsRoutes, addSupportRoutes)
