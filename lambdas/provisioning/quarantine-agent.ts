import { type Agent, transition } from '../agents/agent.ts'
import { changeAgent, type ChangeAgentDeps } from '../agents/change-agent.ts'
import { failureReason } from '../agents/failure-reasons.ts'
import type { ProvisionRequests } from '../agents/provision-requests.aws.ts'
import type { AgentStatus } from '../contract/agents.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { fail, ok } from '../core/result.ts'

export interface QuarantineDeps extends ChangeAgentDeps {
  requests: Pick<ProvisionRequests, 'put'>
  clock: Clock
  logger: Logger
}

/** The states in which the machine that speaks is the one that the agent is to run on. */
const WITH_MACHINE: readonly AgentStatus[] = ['booting', 'ready', 'stopping', 'stopped', 'starting']

/** True where a machine says that it runs something else than what it was launched with. */
export const isAltered = ({ status, release }: Agent, runtimeHash: string): boolean =>
  release !== undefined && release !== runtimeHash && WITH_MACHINE.includes(status)

/**
 * Ends an agent whose machine does not run what it was given: the row and the trail say so before anything else is done.
 * The provisioner then cuts the machine off; should the request be lost, the reconciler does.
 */
export const quarantineAgent = async (
  deps: QuarantineDeps,
  seen: Agent,
  input: { runtimeHash: string; requestId: string },
): Promise<Agent> => {
  const changed = await changeAgent<{ reason: 'moved' }>(deps, { ...seen, known: seen }, (current) => {
    if (current.attempt !== seen.attempt || !isAltered(current, input.runtimeHash)) return fail({ reason: 'moved' })
    const { runtimeHash, requestId } = input
    const quarantined = transition(
      { ...current, runtimeHash },
      'failed',
      deps.clock.now(),
      failureReason('quarantined'),
    )
    if (!quarantined.ok) return fail({ reason: 'moved' })
    return ok({
      agent: quarantined.value,
      event: {
        actor: { kind: 'system', id: 'heartbeat' },
        action: 'agent.quarantined',
        target: current.agentId,
        detail: {
          requestId,
          attempt: current.attempt,
          instanceId: current.instance?.id ?? '',
          release: current.release ?? '',
          runtimeHash,
        },
      },
    })
  })
  if (!changed.ok) return seen
  const { agentId, tenantId, instance } = changed.value
  deps.logger.warn('machine quarantined', { agentId, tenantId, instanceId: instance?.id, requestId: input.requestId })
  await deps.requests.put(changed.value, 'quarantine')
  return changed.value
}
