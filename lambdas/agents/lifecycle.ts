import type { AuditAction } from '../contract/audit.ts'
import type { AgentStatus } from '../contract/agents.ts'
import type { AgentId, TenantId } from '../contract/ids.ts'
import type { ProvisionVerb } from '../contract/provisioning.ts'
import type { Clock } from '../core/clock.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Limiter, RateLimited } from '../limits/limiter.aws.ts'
import { actorOf, type Principal } from '../sessions/principal.ts'
import { type Agent, transition, type WrongState } from './agent.ts'
import { type AgentUnknown, changeAgent, type ChangeAgentDeps, changeAgentWithinLimit } from './change-agent.ts'
import type { ProvisionRequests } from './provision-requests.aws.ts'

export interface LifecycleDeps extends ChangeAgentDeps {
  requests: Pick<ProvisionRequests, 'put'>
  limiter: Pick<Limiter, 'changeStep' | 'untilNextWindow'>
  clock: Clock
}

export interface LifecycleInput {
  principal: Principal
  tenantId: TenantId
  agentId: AgentId
  requestId: string
}

export type LifecycleFailure = AgentUnknown | WrongState | RateLimited

/** The new state is durable before the provisioner hears of it; should it never hear, the reconciler finds the row. */
const request = async (
  deps: LifecycleDeps,
  input: LifecycleInput,
  wish: { from: readonly AgentStatus[]; to: AgentStatus; action: AuditAction; verb: ProvisionVerb },
): Promise<Result<Agent, LifecycleFailure>> => {
  // A tenant's end of an agent is never held up, it makes room; nor is what staff do to a tenant.
  const isHeld = wish.to !== 'deleting' && input.principal.account.role === 'tenant'
  const changeIt = isHeld ? changeAgentWithinLimit : changeAgent
  const changed = await changeIt<LifecycleFailure>(deps, input, (agent) => {
    if (!wish.from.includes(agent.status)) return fail({ reason: 'wrong_state', status: agent.status })
    const moved = transition(agent, wish.to, deps.clock.now())
    if (!moved.ok) return moved
    return ok({
      agent: moved.value,
      event: {
        actor: actorOf(input.principal),
        action: wish.action,
        target: agent.agentId,
        detail: { requestId: input.requestId },
      },
    })
  })
  if (changed.ok) await deps.requests.put(changed.value, wish.verb)
  return changed
}

/** Stops a running agent; its data and credentials stay. */
export const stopAgent = (deps: LifecycleDeps, input: LifecycleInput) =>
  request(deps, input, { from: ['ready', 'booting'], to: 'stopping', action: 'agent.stop_requested', verb: 'stop' })

export const startAgent = (deps: LifecycleDeps, input: LifecycleInput) =>
  request(deps, input, { from: ['stopped'], to: 'starting', action: 'agent.start_requested', verb: 'start' })

/** Tries a failed agent again with the credentials it has. */
export const retryAgent = (deps: LifecycleDeps, input: LifecycleInput) =>
  request(deps, input, { from: ['failed'], to: 'requested', action: 'agent.retry_requested', verb: 'launch' })

/** Deletes an agent from whatever state it is in. Asking again changes nothing and is no error. */
export const deleteAgent = async (
  deps: LifecycleDeps,
  input: LifecycleInput,
): Promise<Result<Agent, LifecycleFailure>> => {
  const from: AgentStatus[] = [
    'requested',
    'launching',
    'booting',
    'ready',
    'stopping',
    'stopped',
    'starting',
    'failed',
  ]
  const deleted = await request(deps, input, { from, to: 'deleting', action: 'agent.delete_requested', verb: 'delete' })
  if (deleted.ok || deleted.failure.reason !== 'wrong_state') return deleted
  const agent = await deps.agents.read(input.tenantId, input.agentId)
  return agent === null ? fail({ reason: 'agent_unknown' }) : ok(agent)
}
