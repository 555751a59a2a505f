import { ok } from '../../core/result.ts'
import { toAuditBody } from '../bodies.ts'
import type { CommonDeps } from '../deps.ts'
import type { Endpoints } from '../endpoint.ts'

/** The trail: a tenant reads its own, an admin all of them. */
export const auditRoutes = (route: Endpoints, deps: CommonDeps): void => {
  route('GET /api/audit', async ({ tenant, query }) => {
    const { items, nextCursor } = await deps.audit.list(tenant.tenantId, query, query.agent)
    return ok({ body: { events: items.map(toAuditBody), nextCursor } })
  })

  route('GET /api/admin/audit', async ({ query }) => {
    const { items, nextCursor } = await deps.audit.listAll(query)
    return ok({ body: { events: items.map(toAuditBody), nextCursor } })
  })
}
