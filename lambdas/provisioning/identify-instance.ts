import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import type { Agent } from '../agents/agent.ts'
import type { ChangeAgentDeps } from '../agents/change-agent.ts'
import { isQuarantined } from '../agents/failure-reasons.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import type { Clock } from '../core/clock.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import type { Limiter, RateLimited } from '../limits/limiter.aws.ts'
import type { AttemptStore, InstanceOwner } from './attempt-store.aws.ts'
import { type InstanceProof, type ProofInvalid, type ProofVerifier, verifyInstanceProof } from './instance-proof.ts'

export interface IdentifyDeps extends ChangeAgentDeps {
  attempts: AttemptStore
  tenants: TenantStore
  limiter: Limiter
  proof: ProofVerifier
  clock: Clock
}

export type EnrollRefusal = 'replayed' | 'unknown_instance' | 'superseded' | 'already_enrolled' | 'not_enrolled'
export type EnrollFailure = ProofInvalid | { reason: 'enroll_refused'; because: EnrollRefusal } | RateLimited

const noteRefusal = (
  deps: IdentifyDeps,
  proof: InstanceProof,
  owner: InstanceOwner | null,
  because: string,
  requestId: string,
): Promise<void> =>
  deps.audit.record(owner?.tenantId ?? PLATFORM_CHAIN, {
    actor: { kind: 'agent', id: owner?.agentId ?? 'unknown' },
    action: 'agent.enroll_refused',
    target: owner?.agentId ?? proof.instanceId.slice(0, 40),
    detail: { requestId, because },
  })

/** Writes down that a machine was turned away, in its tenant's trail if it is anybody's. */
export const refuse = async (
  deps: IdentifyDeps,
  proof: InstanceProof,
  owner: InstanceOwner | null,
  because: EnrollRefusal,
  requestId: string,
) => {
  await noteRefusal(deps, proof, owner, because, requestId)
  return fail({ reason: 'enroll_refused' as const, because })
}

/** Only what our issuer signed is written down, and once: nobody can fill a trail with what they made up, or found. */
const noteInvalid = async (deps: IdentifyDeps, { said, because }: ProofInvalid, requestId: string): Promise<void> => {
  if (said === undefined || !(await deps.limiter.spendProof(said.jti, said.expiresAt))) return
  await noteRefusal(deps, said, await deps.attempts.readOwner(said.instanceId), because, requestId)
}

/** Why a machine is not, or no longer, the one of its agent's current attempt; null when it is. A quarantined one is. */
export const judgeOwner = (agent: Agent | null, owner: InstanceOwner, proof: InstanceProof): EnrollRefusal | null => {
  if (agent === null || agent.instance?.arn !== proof.instanceArn) return 'superseded'
  if (agent.attempt !== owner.attempt) return 'superseded'
  return agent.status === 'deleted' || (agent.status === 'failed' && !isQuarantined(agent)) ? 'superseded' : null
}

/** Who is behind a proof, if it is fresh, unused and names the machine of an agent's current attempt. */
export const identify = async (
  deps: IdentifyDeps,
  secret: Secret,
  requestId: string,
): Promise<Result<{ agent: Agent; owner: InstanceOwner; proof: InstanceProof }, EnrollFailure>> => {
  const verified = await verifyInstanceProof({ ...deps.proof, clock: deps.clock }, secret)
  if (!verified.ok) {
    await noteInvalid(deps, verified.failure, requestId)
    return verified
  }
  const proof = verified.value
  const [fresh, owner] = await Promise.all([
    deps.limiter.spendProof(proof.jti, proof.expiresAt),
    deps.attempts.readOwner(proof.instanceId),
  ])
  if (!fresh) return refuse(deps, proof, owner, 'replayed', requestId)
  if (owner === null) return refuse(deps, proof, null, 'unknown_instance', requestId)
  const agent = await deps.agents.read(owner.tenantId, owner.agentId)
  const because = judgeOwner(agent, owner, proof)
  if (agent === null || because !== null) return refuse(deps, proof, owner, because ?? 'superseded', requestId)
  return ok({ agent, owner, proof })
}
