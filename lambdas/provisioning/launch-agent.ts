import { type Agent, waitsForTurn, withLookAt } from '../agents/agent.ts'
import { changeAgent } from '../agents/change-agent.ts'
import { agentSecretName } from '../contract/names.ts'
import { ok } from '../core/result.ts'
import { clearLeftovers } from './clear-agent.ts'
import { freezeAttempt, type LaunchAttempt } from './launch-attempt.ts'
import { launchInTurn } from './launch-in-turn.ts'
import { failAgent, move, PROVISIONER, type ProvisioningDeps } from './move-agent.ts'

/** What one look may do about a launch; null leaves it to others. */
export interface MayLaunch {
  until: Date
  /** True where the launch is next in the line, false where it was passed by. */
  isFromLine: boolean
}

/** Writes down that an agent has had its turn: from now on the reconciler looks after it, and its time runs. */
export const noteTurn = async (deps: ProvisioningDeps, agent: Agent): Promise<boolean> => {
  const now = deps.clock.now()
  return deps.agents.replace(withLookAt({ ...agent, turnAt: now.toISOString() }, now), agent)
}

const beginAttempt = async (deps: ProvisioningDeps, agent: Agent): Promise<Agent | null> => {
  const tenant = await deps.tenants.read(agent.tenantId)
  if (agent.secretVersionId === undefined || tenant?.status !== 'active' || tenant.keyArn === undefined) return null
  if (!(await clearLeftovers(deps, agent))) return null
  const volumeKeyArn = tenant.keyArn
  const attempt = freezeAttempt(deps.settings, { ...agent, volumeKeyArn }, agent.attempt + 1, deps.clock.now())
  const { instance: _, bootStep: __, notices: ___, ...fresh } = agent
  return move(deps, fresh, {
    to: 'launching',
    action: 'agent.launching',
    detail: { attempt: attempt.attempt, userDataHash: attempt.userDataHash },
    change: {
      attempt: attempt.attempt,
      roundStartAttempt: attempt.attempt,
      supportPathOpen: false,
      release: attempt.release,
    },
    alongside: [deps.attempts.putAttemptStep(attempt)],
  })
}

/** A try that AWS could not serve is closed; the next one goes to the next subnet, until each had its turn. */
const nextAttempt = async (
  deps: ProvisioningDeps,
  agent: Agent,
  awsCode: string,
  last: LaunchAttempt,
): Promise<Agent | null> => {
  const stray = await deps.instances.findByClientToken(last.clientToken)
  if (stray !== null && stray.state !== 'terminated') return null
  const tried = agent.attempt - agent.roundStartAttempt + 1
  if (tried >= deps.settings.subnetIds.length) return failAgent(deps, agent, 'no_capacity', { awsCode })
  const attempt = freezeAttempt(deps.settings, last, agent.attempt + 1, deps.clock.now())
  const changed = await changeAgent<{ reason: 'moved' }>(deps, { ...agent, known: agent }, (current) =>
    current.version === agent.version
      ? ok({
          agent: { ...agent, attempt: attempt.attempt, release: attempt.release, updatedAt: attempt.createdAt },
          event: {
            actor: PROVISIONER,
            action: 'agent.launching',
            target: agent.agentId,
            detail: { attempt: attempt.attempt, because: awsCode, userDataHash: attempt.userDataHash },
          },
          alongside: [deps.attempts.putAttemptStep(attempt)],
        })
      : { ok: false, failure: { reason: 'moved' } },
  )
  return changed.ok ? changed.value : agent
}

/** Who waits in the line is begun by the queue alone. What cannot be begun yet does not go back into it: its turn is noted. */
export const beginLaunch = async (
  deps: ProvisioningDeps,
  agent: Agent,
  mayLaunch: MayLaunch | null,
): Promise<Agent | null> => {
  if (mayLaunch === null || (waitsForTurn(agent) && !mayLaunch.isFromLine)) return null
  const begun = await beginAttempt(deps, agent)
  if (begun === null && waitsForTurn(agent)) await noteTurn(deps, agent)
  return begun
}

export const launchAgent = async (
  deps: ProvisioningDeps,
  agent: Agent,
  mayLaunch: MayLaunch | null,
): Promise<Agent | null> => {
  if (mayLaunch === null) return null
  const attempt = await deps.attempts.readAttempt(agent.agentId, agent.attempt)
  if (attempt === null) return failAgent(deps, agent, 'launch_refused', { because: 'attempt missing' })
  const requestedAt = agent.timeline.findLast(({ status }) => status === 'requested')?.at
  const launched = await launchInTurn(deps, attempt, {
    until: mayLaunch.until,
    lineHead: mayLaunch.isFromLine ? requestedAt : undefined,
    isWanted: async () => {
      const current = await deps.agents.read(agent.tenantId, agent.agentId)
      return current?.status === 'launching' && current.attempt === agent.attempt
    },
  })
  if (launched === null) return null
  if (!launched.ok) {
    const { reason, awsCode } = launched.failure
    if (reason === 'launch_refused') return failAgent(deps, agent, 'launch_refused', { awsCode })
    return nextAttempt(deps, agent, awsCode, attempt)
  }
  const { state: _, securityGroupIds: __, ...instance } = launched.value
  await deps.vault.bindToInstance(agentSecretName(deps.stage, agent.tenantId, agent.agentId), instance.arn)
  // Failed or deleted while the call was on its way: the caller looks again, so that the machine does not stay.
  return move(deps, agent, {
    to: 'booting',
    action: 'agent.booting',
    detail: { attempt: agent.attempt, instanceId: instance.id },
    change: { instance, supportPathOpen: false },
    alongside: [deps.attempts.putOwnerStep(instance.id, agent)],
  })
}
