import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import { type Agent, transition, withLookAt } from '../agents/agent.ts'
import { changeAgent, type ChangeAgentDeps } from '../agents/change-agent.ts'
import type { BootStep } from '../contract/instance.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import type { Clock } from '../core/clock.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import type { Limiter, RateLimited } from '../limits/limiter.aws.ts'
import type { AttemptStore, InstanceOwner } from './attempt-store.aws.ts'
import { type InstanceProof, type ProofVerifier, verifyInstanceProof } from './instance-proof.ts'

export interface EnrollDeps extends ChangeAgentDeps {
  attempts: AttemptStore
  tenants: TenantStore
  limiter: Limiter
  proof: ProofVerifier
  clock: Clock
}

export type EnrollRefusal = 'replayed' | 'unknown_instance' | 'superseded' | 'already_enrolled' | 'not_enrolled'
export type EnrollFailure =
  | { reason: 'proof_invalid'; because: string }
  | { reason: 'enroll_refused'; because: EnrollRefusal }
  | RateLimited

const HEARTBEAT_SECONDS = 30
/** A heartbeat that says nothing new is written down at most this often. */
const SEEN_SECONDS = 20

const refuse = async (
  deps: EnrollDeps,
  proof: InstanceProof,
  owner: InstanceOwner | null,
  because: EnrollRefusal,
  requestId: string,
) => {
  await deps.audit.record(owner?.tenantId ?? PLATFORM_CHAIN, {
    actor: { kind: 'agent', id: owner?.agentId ?? 'unknown' },
    action: 'agent.enroll_refused',
    target: owner?.agentId ?? proof.instanceId.slice(0, 40),
    detail: { requestId, because },
  })
  return fail({ reason: 'enroll_refused' as const, because })
}

const judgeOwner = (agent: Agent | null, owner: InstanceOwner, proof: InstanceProof): EnrollRefusal | null => {
  if (agent === null || agent.instance?.arn !== proof.instanceArn) return 'superseded'
  if (agent.attempt !== owner.attempt) return 'superseded'
  return agent.status === 'deleted' || agent.status === 'failed' ? 'superseded' : null
}

/** Who is behind a proof, if it is fresh, unused and names the machine of an agent's current attempt. */
const identify = async (
  deps: EnrollDeps,
  secret: Secret,
  requestId: string,
): Promise<Result<{ agent: Agent; owner: InstanceOwner; proof: InstanceProof }, EnrollFailure>> => {
  const verified = await verifyInstanceProof({ ...deps.proof, clock: deps.clock }, secret)
  if (!verified.ok) return verified
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

/** Lets a machine in, once per launch attempt. */
export const enrollInstance = async (
  deps: EnrollDeps,
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

const mayContinue = async (deps: EnrollDeps, agent: Agent): Promise<boolean> => {
  const tenant = await deps.tenants.read(agent.tenantId)
  return tenant?.status === 'active' && agent.status !== 'stopping' && agent.status !== 'deleting'
}

/** Hears an enrolled machine: notes where its boot stands, makes the agent ready on its word, says whether to go on. */
export const recordHeartbeat = async (
  deps: EnrollDeps,
  input: { proof: Secret; bootStep?: BootStep; runtimeHash: string; requestId: string },
): Promise<Result<{ continue: boolean }, EnrollFailure>> => {
  const identified = await identify(deps, input.proof, input.requestId)
  if (!identified.ok) return identified
  const { agent, owner, proof } = identified.value
  if (agent.enrolledAttempt !== owner.attempt) return refuse(deps, proof, owner, 'not_enrolled', input.requestId)
  const now = deps.clock.now()
  const seen: Agent = {
    ...agent,
    lastSeenAt: now.toISOString(),
    bootStep: input.bootStep ?? agent.bootStep,
    runtimeHash: input.runtimeHash,
  }
  const mayGoOn = await mayContinue(deps, agent)
  if (agent.status === 'booting' && input.bootStep === 'ready' && mayGoOn) {
    const became = await changeAgent<{ reason: 'moved' }>(deps, { ...owner, known: agent }, (current) => {
      const ready = transition(
        { ...current, lastSeenAt: seen.lastSeenAt, bootStep: 'ready', runtimeHash: input.runtimeHash },
        'ready',
        now,
      )
      if (current.enrolledAttempt !== owner.attempt || !ready.ok) return fail({ reason: 'moved' })
      return ok({
        agent: withLookAt(ready.value, now),
        event: {
          actor: { kind: 'agent', id: current.agentId },
          action: 'agent.ready',
          target: current.agentId,
          detail: { requestId: input.requestId, attempt: owner.attempt },
        },
      })
    })
    return ok({ continue: became.ok })
  }
  const quietSeconds = (now.getTime() - new Date(agent.lastSeenAt ?? 0).getTime()) / 1000
  if (seen.bootStep !== agent.bootStep || seen.runtimeHash !== agent.runtimeHash || quietSeconds >= SEEN_SECONDS) {
    await deps.agents.replace(withLookAt(seen, now), agent)
  }
  return ok({ continue: mayGoOn })
}
