import { changeAgent } from '../agents/change-agent.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import { type EnrollFailure, identify, type IdentifyDeps, judgeOwner, refuse } from './identify-instance.ts'

const HEARTBEAT_SECONDS = 30

/** Lets a machine in, once per launch attempt. */
export const enrollInstance = async (
  deps: IdentifyDeps,
  input: { proof: Secret; clientBucket: string; requestId: string },
): Promise<Result<{ agentId: string; heartbeatSeconds: number }, EnrollFailure>> => {
  const taken = await deps.limiter.take('enroll', input.clientBucket)
  if (!taken.ok) return taken
  const identified = await identify(deps, input.proof, input.requestId)
  if (!identified.ok) return identified
  const { agent, owner, proof } = identified.value
  const enrolled = await changeAgent<{ reason: 'refused' }>(deps, { ...owner, known: agent }, (current) => {
    if (judgeOwner(current, owner, proof) !== null || current.enrolledAttempt === owner.attempt) {
      return fail({ reason: 'refused' })
    }
    const at = deps.clock.now().toISOString()
    return ok({
      agent: { ...current, enrolledAttempt: owner.attempt, bootStep: 'enrolled', lastSeenAt: at },
      event: {
        actor: { kind: 'agent', id: current.agentId },
        action: 'agent.enrolled',
        target: current.agentId,
        detail: { requestId: input.requestId, attempt: owner.attempt, instanceId: proof.instanceId },
      },
    })
  })
  if (!enrolled.ok) return refuse(deps, proof, owner, 'already_enrolled', input.requestId)
  return ok({ agentId: owner.agentId, heartbeatSeconds: HEARTBEAT_SECONDS })
}
