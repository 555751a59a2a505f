import { setTimeout as sleep } from 'node:timers/promises'
import { DependencyError } from '../aws/errors.aws.ts'
import { SUPPORT_SWITCH_WAIT_SECONDS } from '../contract/facts.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { actorOf } from '../sessions/principal.ts'
import { type Agent, withLookAt, type WrongState } from './agent.ts'
import { changeAgent, changeAgentWithinLimit } from './change-agent.ts'
import type { LifecycleDeps, LifecycleFailure, LifecycleInput } from './lifecycle.ts'

const POLL_MILLISECONDS = 100

const isPathClosed = (agent: Agent): boolean => agent.instance === undefined || !agent.supportPathOpen

/**
 * Allows or forbids support access. Forbidding is answered only when the provisioner has closed the path; if it cannot say so
 * in time the caller gets a 503, the choice stands, and the reconciler goes on closing.
 */
export const setSupportAccess = async (
  deps: LifecycleDeps,
  input: LifecycleInput & { enabled: boolean },
): Promise<Result<Agent, LifecycleFailure>> => {
  // Closing is never held up.
  const changeIt = input.enabled ? changeAgentWithinLimit : changeAgent
  const changed = await changeIt<WrongState>(deps, input, (agent) => {
    if (agent.status === 'deleting' || agent.status === 'deleted')
      return fail({ reason: 'wrong_state', status: agent.status })
    if (agent.supportAccess === input.enabled) return ok(null)
    const now = deps.clock.now()
    return ok({
      agent: withLookAt({ ...agent, supportAccess: input.enabled, updatedAt: now.toISOString() }, now),
      event: {
        actor: actorOf(input.principal),
        action: input.enabled ? 'agent.support_access_on' : 'agent.support_access_off',
        target: agent.agentId,
        detail: { requestId: input.requestId },
      },
    })
  })
  if (!changed.ok) return changed
  const { instance, status, supportPathOpen } = changed.value
  // A failed agent's path is opened by nobody: there is nothing to ask for.
  const isIdle = instance === undefined || (input.enabled && status === 'failed')
  const pathFollows = isIdle || supportPathOpen === input.enabled
  if (!pathFollows) await deps.requests.put(changed.value, 'support')
  if (input.enabled || isPathClosed(changed.value)) return changed

  for (let waited = 0; waited < SUPPORT_SWITCH_WAIT_SECONDS * 1000; waited += POLL_MILLISECONDS) {
    await sleep(POLL_MILLISECONDS)
    const agent = await deps.agents.read(input.tenantId, input.agentId)
    if (agent === null) return fail({ reason: 'agent_unknown' })
    if (isPathClosed(agent)) return ok(agent)
  }
  throw new DependencyError('provisioner', 'unavailable', new Error('the support path is not closed yet'))
}
