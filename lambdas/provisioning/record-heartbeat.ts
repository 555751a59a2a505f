import { type Agent, transition, withLookAt } from '../agents/agent.ts'
import { changeAgent } from '../agents/change-agent.ts'
import type { BootStep, HeartbeatAnswer } from '../contract/instance.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import { type EnrollFailure, identify, type IdentifyDeps, refuse } from './identify-instance.ts'

export interface HeartbeatDeps extends IdentifyDeps {
  /** Whom machines that allow support are to trust: lines for sshd's TrustedUserCAKeys. */
  trustedCas: () => Promise<string[]>
}

/** A heartbeat that says nothing new is written down at most this often. */
const SEEN_SECONDS = 20

const mayContinue = async (deps: HeartbeatDeps, agent: Agent): Promise<boolean> => {
  const tenant = await deps.tenants.read(agent.tenantId)
  return tenant?.status === 'active' && agent.status !== 'stopping' && agent.status !== 'deleting'
}

const answerFor = async (deps: HeartbeatDeps, agent: Agent, mayGoOn: boolean): Promise<HeartbeatAnswer> => {
  const allowed = mayGoOn && agent.supportAccess
  return {
    continue: mayGoOn,
    ...(agent.secretVersionId === undefined ? {} : { credentialsVersion: agent.secretVersionId }),
    support: { allowed, trustedCas: allowed ? await deps.trustedCas() : [] },
  }
}

/**
 * Hears an enrolled machine: notes where its boot stands, makes the agent ready on its word, and answers whether to go on,
 * which credentials to run with, and whether support may log in.
 */
export const recordHeartbeat = async (
  deps: HeartbeatDeps,
  input: { proof: Secret; bootStep?: BootStep; runtimeHash: string; requestId: string },
): Promise<Result<HeartbeatAnswer, EnrollFailure>> => {
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
    return ok(await answerFor(deps, became.ok ? became.value : agent, became.ok))
  }
  const quietSeconds = (now.getTime() - new Date(agent.lastSeenAt ?? 0).getTime()) / 1000
  if (seen.bootStep !== agent.bootStep || seen.runtimeHash !== agent.runtimeHash || quietSeconds >= SEEN_SECONDS) {
    await deps.agents.replace(withLookAt(seen, now), agent)
  }
  return ok(await answerFor(deps, agent, mayGoOn))
}
