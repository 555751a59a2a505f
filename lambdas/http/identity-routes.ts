import type { AddRoutes } from './app.ts'
import type { IdentityDeps } from './deps.ts'
import { createEndpoints } from './endpoint.ts'
import { accountRoutes } from './routes/accounts.ts'
import { auditRoutes } from './routes/audit.ts'
import { inviteRoutes } from './routes/invites.ts'
import { publicRoutes } from './routes/public.ts'
import { sessionRoutes } from './routes/sessions.ts'

/** Invites, sign-up, sign-in, sessions, tokens, the trail: the function that hashes passwords and reads no credential. */
export const addIdentityRoutes: AddRoutes<IdentityDeps> = (app, deps, platform) => {
  const route = createEndpoints(app, deps, platform)
  publicRoutes(route, deps)
  accountRoutes(route, deps, platform)
  sessionRoutes(route, deps, platform)
  inviteRoutes(route, deps)
  auditRoutes(route, deps)
}
