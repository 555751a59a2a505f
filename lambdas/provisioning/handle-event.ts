import type { ProvisionRequests } from '../agents/provision-requests.aws.ts'
import { ProvisionerEvent } from '../contract/provisioning.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { convergeAgent } from './converge-agent.ts'
import type { ProvisioningDeps } from './move-agent.ts'

export type EventFailure = { reason: 'event_unreadable' | 'request_missing' | 'request_invalid' }

/**
 * One event of the queue: a new provision request, or news about an instance. Either names an agent to look at; what is done
 * depends only on the agent's row and on what EC2 says, so repeats, delays and lies change nothing. Only a request to launch
 * waits for a turn to do so. A failure is for the dead-letter queue; anything that may pass is thrown, and the queue tries again.
 */
export const handleEvent = async (
  deps: ProvisioningDeps & { requests: ProvisionRequests },
  event: unknown,
): Promise<Result<void, EventFailure>> => {
  const parsed = ProvisionerEvent.safeParse(event)
  if (!parsed.success) return fail({ reason: 'event_unreadable' })
  if (parsed.data['detail-type'] === 'Object Created') {
    const request = await deps.requests.get(parsed.data.detail.object.key)
    if (!request.ok) return request
    await convergeAgent(deps, request.value, request.value.verb === 'launch' ? 'queue' : 'event')
    return ok(undefined)
  }
  const owner = await deps.attempts.readOwner(parsed.data.detail['instance-id'])
  if (owner !== null) await convergeAgent(deps, owner, 'event')
  return ok(undefined)
}
