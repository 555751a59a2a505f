import { ok } from '../../core/result.ts'
import { toSupportAgentBody } from '../../agents/agent-body.ts'
import type { SupportDeps } from '../deps.ts'
import type { Endpoints } from '../endpoint.ts'

/** What support engineers may see: agents whose tenants allow it, and no other. */
export const supportRoutes = (route: Endpoints, deps: SupportDeps): void => {
  route('GET /api/support/agents', async ({ query }) => {
    const { items, nextCursor } = await deps.agents.listSupported(query)
    return ok({ body: { agents: items.map(toSupportAgentBody), nextCursor } })
  })
}
