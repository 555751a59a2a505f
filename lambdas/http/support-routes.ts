import type { AddRoutes } from './app.ts'
import type { SupportDeps } from './deps.ts'
import { createEndpoints } from './endpoint.ts'
import { supportRoutes } from './routes/support.ts'

/** What support engineers see. */
export const addSupportRoutes: AddRoutes<SupportDeps> = (app, deps, platform) =>
  supportRoutes(createEndpoints(app, deps, platform), deps)
