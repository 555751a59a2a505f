import type { ProvisionRequests } from '../agents/provision-requests.aws.ts'
import { ProvisionerEvent } from '../contract/provisioning.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { convergeAgent } from './converge-agent.ts'
import type { LaunchLine } from './launch-line.aws.ts'
import type { ProvisioningDeps } from './move-agent.ts'

export type EventFailure = { reason: 'event_unreadable' | 'request_missing' | 'request_invalid' }

/**
 * One event of a queue: a new provision request, an agent that the line for machines has come to, or news about an instance.
 * Each names an agent to look at; what is done depends only on the agent's row and on what EC2 says, so repeats, delays and
 * lies change nothing. A request to launch is put into the line, and only from there waits for a turn. A failure is for the
 * dead-letter queue; anything that may pass is thrown, and the queue tries again.
 */
export const handleEvent = async (
  deps: ProvisioningDeps & { requests: ProvisionRequests; line: LaunchLine },
  event: unknown,
): Promise<Result<void, EventFailure>> => {
  const parsed = ProvisionerEvent.safeParse(event)
  if (!parsed.success) return fail({ reason: 'event_unreadable' })
  switch (parsed.data['detail-type']) {
    case 'Object Created': {
      const request = await deps.requests.get(parsed.data.detail.object.key)
      if (!request.ok) return request
      if (request.value.verb === 'launch') await deps.line.join(request.value)
      else await convergeAgent(deps, request.value, 'event')
      return ok(undefined)
    }
    case 'Launch Due':
      await convergeAgent(deps, parsed.data.detail, 'queue')
      return ok(undefined)
    case 'EC2 Instance State-change Notification': {
      const owner = await deps.attempts.readOwner(parsed.data.detail['instance-id'])
      if (owner !== null) await convergeAgent(deps, owner, 'event')
      return ok(undefined)
    }
  }
}
