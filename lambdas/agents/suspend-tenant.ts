import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import type { TenantId } from '../contract/ids.ts'
import { readCursor } from '../contract/paging.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { actorOf, type Principal, type Tenant } from '../sessions/principal.ts'
import { type LifecycleDeps, stopAgent } from './lifecycle.ts'

export type TenantUnknown = { reason: 'tenant_unknown' }

const PAGE = 100

type Deps = LifecycleDeps & { tenants: TenantStore }

interface Input {
  principal: Principal
  tenantId: TenantId
  requestId: string
}

/** Stops what runs. An agent that was on its way meanwhile is stopped by the provisioner when it gets there. */
const stopAgents = async (deps: Deps, input: Input): Promise<void> => {
  let cursor: string[] | undefined
  do {
    const { items, nextCursor } = await deps.agents.list(input.tenantId, { limit: PAGE, cursor }, false)
    for (const { agentId, status } of items) {
      if (status === 'ready' || status === 'booting') await stopAgent(deps, { ...input, agentId })
    }
    cursor = nextCursor === undefined ? undefined : readCursor(nextCursor)
  } while (cursor !== undefined)
}

/**
 * Suspends a tenant: in one transaction its sessions and API tokens end for good and nobody of it can sign in; then its
 * agents are stopped. Suspending again stops what was left running.
 */
export const suspendTenant = async (
  deps: Deps,
  input: Input & { reason?: string },
): Promise<Result<Tenant, TenantUnknown>> => {
  const tenant = await deps.tenants.read(input.tenantId)
  if (tenant === null) return fail({ reason: 'tenant_unknown' })
  await deps.audit.commit<'not_active'>({
    chain: input.tenantId,
    event: {
      actor: actorOf(input.principal),
      action: 'tenant.suspended',
      target: input.tenantId,
      detail: { requestId: input.requestId, ...(input.reason === undefined ? {} : { reason: input.reason }) },
    },
    steps: (sequence) => [{ refusal: 'not_active', action: deps.tenants.suspendStep(input.tenantId, sequence) }],
  })
  await stopAgents(deps, input)
  return ok({ ...tenant, status: 'suspended' })
}

/** Lets a suspended tenant sign in again. Its agents stay stopped until somebody of it starts them. */
export const resumeTenant = async (deps: Deps, input: Input): Promise<Result<Tenant, TenantUnknown>> => {
  const tenant = await deps.tenants.read(input.tenantId)
  if (tenant === null) return fail({ reason: 'tenant_unknown' })
  await deps.audit.commit<'not_suspended'>({
    chain: input.tenantId,
    event: {
      actor: actorOf(input.principal),
      action: 'tenant.resumed',
      target: input.tenantId,
      detail: { requestId: input.requestId },
    },
    steps: () => [{ refusal: 'not_suspended', action: deps.tenants.resumeStep(input.tenantId) }],
  })
  return ok({ ...tenant, status: 'active' })
}
