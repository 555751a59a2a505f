import type { AddRoutes } from './app.ts'
import type { AgentsDeps } from './deps.ts'
import { createEndpoints } from './endpoint.ts'
import { agentRoutes, instanceRoutes, tenantRoutes } from './routes/agents.ts'

/** Onboarding, credentials, lifecycle, tenants as a whole, and the machines' own calls. */
export const addAgentsRoutes: AddRoutes<AgentsDeps> = (app, deps, platform) => {
  const route = createEndpoints(app, deps, platform)
  agentRoutes(route, deps)
  tenantRoutes(route, deps)
  instanceRoutes(route, deps)
}
