import { toSupportAgentBody } from '../../agents/agent-body.ts'
import { ok } from '../../core/result.ts'
import { issueCertificate } from '../../support/issue-certificate.ts'
import type { SupportDeps } from '../deps.ts'
import type { Endpoints } from '../endpoint.ts'

/** What support engineers may do: see agents whose tenants allow it, and be let in to one of them for minutes. */
export const supportRoutes = (route: Endpoints, deps: SupportDeps): void => {
  route('GET /api/support/agents', async ({ query }) => {
    const { items, nextCursor } = await deps.agents.listSupported(query)
    return ok({ body: { agents: items.map(toSupportAgentBody), nextCursor } })
  })

  route('POST /api/support/certificates', async ({ principal, body, requestId }) => {
    const issued = await issueCertificate(deps, { ...body, principal, requestId })
    return issued.ok ? ok({ body: { ...issued.value, validUntil: issued.value.validUntil.toISOString() } }) : issued
  })
}
