import { toAgentBody } from '../../agents/agent-body.ts'
import type { Agent } from '../../agents/agent.ts'
import { changeCredentials } from '../../agents/change-credentials.ts'
import {
  deleteAgent,
  type LifecycleDeps,
  type LifecycleFailure,
  type LifecycleInput,
  retryAgent,
  startAgent,
  stopAgent,
} from '../../agents/lifecycle.ts'
import { onboardAgent } from '../../agents/onboard-agent.ts'
import { setSupportAccess } from '../../agents/set-support-access.ts'
import { resumeTenant, suspendTenant } from '../../agents/suspend-tenant.ts'
import { fail, ok, type Result } from '../../core/result.ts'
import { enrollInstance } from '../../provisioning/enroll-instance.ts'
import { recordHeartbeat } from '../../provisioning/record-heartbeat.ts'
import { toTenantSummary } from '../bodies.ts'
import type { AgentsDeps } from '../deps.ts'
import type { Call, Endpoints } from '../endpoint.ts'
import type { Refusal } from '../errors.ts'

/** 1 to 255 visible ASCII characters (the shape of the IETF draft "Idempotency-Key HTTP Header Field"). */
const IDEMPOTENCY_KEY = /^[!-~]{1,255}$/

const readIdempotencyKey = (header: string | undefined, otherwise: string): Result<string, Refusal> => {
  if (header === undefined) return ok(otherwise)
  return IDEMPOTENCY_KEY.test(header)
    ? ok(header)
    : fail({ code: 'invalid_input', reason: 'idempotency_key', issues: [{ path: 'Idempotency-Key', rule: 'invalid' }] })
}

type Verb = (deps: LifecycleDeps, input: LifecycleInput) => Promise<Result<Agent, LifecycleFailure>>

/** What a tenant does with its agents. */
export const agentRoutes = (route: Endpoints, deps: AgentsDeps): void => {
  const show = (agent: Agent) => toAgentBody(agent, deps.clock.now())

  route('GET /api/agents', async ({ tenant, query }) => {
    const { items, nextCursor } = await deps.agents.list(tenant.tenantId, query, query.include === 'deleted')
    return ok({ body: { agents: items.map(show), nextCursor } })
  })

  route('POST /api/agents', async ({ principal, tenant, body, requestId, header }) => {
    const key = readIdempotencyKey(header('idempotency-key'), deps.random.bytes(32).toString('hex'))
    if (!key.ok) return key
    const onboarded = await onboardAgent(deps, { ...body, principal, tenant, idempotencyKey: key.value, requestId })
    return onboarded.ok ? ok({ body: { agent: onboarded.value } }) : onboarded
  })

  route('GET /api/agents/{id}', async ({ tenant, params }) => {
    const agent = await deps.agents.read(tenant.tenantId, params.id)
    return agent === null ? fail({ reason: 'agent_unknown' }) : ok({ body: { agent: show(agent) } })
  })

  route('PATCH /api/agents/{id}/credentials', async ({ principal, tenant, params, body, requestId }) => {
    const changed = await changeCredentials(deps, {
      ...{ principal, tenant, requestId },
      tenantId: tenant.tenantId,
      agentId: params.id,
      patch: body,
    })
    return changed.ok ? ok({ body: { agent: show(changed.value) } }) : changed
  })

  route('PUT /api/agents/{id}/support-access', async ({ principal, tenant, params, body, requestId }) => {
    const set = await setSupportAccess(deps, {
      ...{ principal, requestId },
      tenantId: tenant.tenantId,
      agentId: params.id,
      enabled: body.enabled,
    })
    return set.ok ? ok({ body: { agent: show(set.value) } }) : set
  })

  const lifecycle =
    (verb: Verb) =>
    async ({
      principal,
      tenant,
      params,
      requestId,
    }: Pick<Call<'DELETE /api/agents/{id}'>, 'principal' | 'tenant' | 'params' | 'requestId'>) => {
      const done = await verb(deps, { principal, tenantId: tenant.tenantId, agentId: params.id, requestId })
      return done.ok ? ok({ body: { agent: show(done.value) } }) : done
    }

  route('POST /api/agents/{id}/stop', lifecycle(stopAgent))
  route('POST /api/agents/{id}/start', lifecycle(startAgent))
  route('POST /api/agents/{id}/retry', lifecycle(retryAgent))
  route('DELETE /api/agents/{id}', lifecycle(deleteAgent))
}

/** What admins do with tenants as a whole: here, because suspending stops agents. */
export const tenantRoutes = (route: Endpoints, deps: AgentsDeps): void => {
  route('POST /api/admin/tenants/{id}/suspend', async ({ principal, params, body, requestId }) => {
    const suspended = await suspendTenant(deps, { principal, tenantId: params.id, reason: body?.reason, requestId })
    return suspended.ok ? ok({ body: { tenant: toTenantSummary(suspended.value) } }) : suspended
  })

  route('POST /api/admin/tenants/{id}/resume', async ({ principal, params, requestId }) => {
    const resumed = await resumeTenant(deps, { principal, tenantId: params.id, requestId })
    return resumed.ok ? ok({ body: { tenant: toTenantSummary(resumed.value) } }) : resumed
  })
}

/** What the machines themselves call. */
export const instanceRoutes = (route: Endpoints, deps: AgentsDeps): void => {
  route('POST /api/agent/enroll', async ({ body, clientBucket, requestId }) => {
    const enrolled = await enrollInstance(deps, { proof: body.proof, clientBucket, requestId })
    return enrolled.ok ? ok({ body: enrolled.value }) : enrolled
  })

  route('POST /api/agent/heartbeat', async ({ body, requestId }) => {
    const heard = await recordHeartbeat(deps, { ...body, requestId })
    return heard.ok ? ok({ body: heard.value }) : heard
  })
}
