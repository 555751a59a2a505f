import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import { type Agent, followsSupportChoice, isSilent, transition, waitsForTurn, withLookAt } from '../agents/agent.ts'
import { changeAgent, type ChangeAgentDeps } from '../agents/change-agent.ts'
import { failureReason, type FailureCode, isQuarantined, STOPPED_OUTSIDE } from '../agents/failure-reasons.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import type { AgentReason, AgentStatus } from '../contract/agents.ts'
import type { AuditAction } from '../contract/audit.ts'
import type { AgentId, TenantId } from '../contract/ids.ts'
import { agentSecretName } from '../contract/names.ts'
import { addSeconds, type Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { ok } from '../core/result.ts'
import type { CredentialVault } from '../credentials/credential-vault.aws.ts'
import type { AttemptStore } from './attempt-store.aws.ts'
import type { Instances, ObservedInstance } from './instances.aws.ts'
import { launchInTurn } from './launch-in-turn.ts'
import type { LaunchPace } from './launch-pace.aws.ts'
import { freezeAttempt, type LaunchAttempt, type LaunchSettings, securityGroupsOf } from './launch-attempt.ts'

export interface ProvisioningDeps extends ChangeAgentDeps {
  tenants: TenantStore
  attempts: AttemptStore
  instances: Instances
  pace: LaunchPace
  vault: CredentialVault
  settings: LaunchSettings
  clock: Clock
  logger: Logger
  stage: string
}

/** How long after the last launch call EC2 may not show the instance yet; until then an empty answer proves nothing. */
const LAUNCH_SETTLE_SECONDS = 60

/** A merge answers within seconds; a note of one that is older was left by a crash. */
export const ABANDONED_MERGE_SECONDS = 60

/**
 * Who looks, by how long a launch may be tried, in seconds: the launch queue as long as its function's time allows, the
 * reconciler, which has others to look at, once. An event launches nothing: it must not stand in the line.
 */
export const LAUNCH_SECONDS = { queue: 40, reconciler: 0, event: null } as const
export type LookFrom = keyof typeof LAUNCH_SECONDS

/** What one look may do about a launch; null leaves it to others. */
interface MayLaunch {
  until: Date
  /** True where the launch is next in the line, false where it was passed by. */
  isFromLine: boolean
}

const PROVISIONER = { kind: 'system', id: 'provisioner' } as const

interface Move {
  to: AgentStatus
  action: AuditAction
  reason?: AgentReason
  detail?: Record<string, string | number | boolean>
  change?: Partial<Agent>
  alongside?: readonly WriteAction[]
}

/** Moves an agent that is still as we saw it. One that changed meanwhile is returned as seen: the caller looks again. */
const move = async (
  deps: ProvisioningDeps,
  seen: Agent,
  { to, action, reason, detail = {}, change = {}, alongside }: Move,
): Promise<Agent> => {
  const changed = await changeAgent<{ reason: 'moved' }>(
    deps,
    { tenantId: seen.tenantId, agentId: seen.agentId, known: seen },
    (agent) => {
      if (agent.version !== seen.version) return { ok: false, failure: { reason: 'moved' } }
      const now = deps.clock.now()
      const moved = transition({ ...agent, ...change }, to, now, reason)
      if (!moved.ok) return { ok: false, failure: { reason: 'moved' } }
      return ok({
        agent: withLookAt(moved.value, now),
        event: { actor: PROVISIONER, action, target: agent.agentId, detail },
        alongside,
      })
    },
  )
  return changed.ok ? changed.value : seen
}

export const failAgent = (deps: ProvisioningDeps, agent: Agent, code: FailureCode, detail = {}): Promise<Agent> =>
  move(deps, agent, {
    to: 'failed',
    action: 'agent.failed',
    reason: failureReason(code),
    detail: { because: code, ...detail },
  })

/** Ends what an earlier try left. True when nothing of it lives any more. */
const clearLeftovers = async (deps: ProvisioningDeps, agent: Agent): Promise<boolean> => {
  if (agent.attempt === 0) return true
  const live = await deps.instances.listLive(agent.agentId)
  for (const { id } of live) await deps.instances.terminate(id)
  return live.length === 0
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
const begin = async (deps: ProvisioningDeps, agent: Agent, mayLaunch: MayLaunch | null): Promise<Agent | null> => {
  if (mayLaunch === null || (waitsForTurn(agent) && !mayLaunch.isFromLine)) return null
  const begun = await beginAttempt(deps, agent)
  if (begun === null && waitsForTurn(agent)) await noteTurn(deps, agent)
  return begun
}

const launch = async (deps: ProvisioningDeps, agent: Agent, mayLaunch: MayLaunch | null): Promise<Agent | null> => {
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

const stopped = (deps: ProvisioningDeps, agent: Agent, reason?: AgentReason) =>
  move(deps, agent, { to: 'stopped', action: 'agent.stopped', reason })

/**
 * What EC2 says about a machine that should be running. Only its end or its stop changes anything. EC2 forgets a machine an
 * hour after its end; that it does not know one proves nothing by itself, and its end where the machine is silent too.
 */
const watchRunning = async (
  deps: ProvisioningDeps,
  agent: Agent,
  seen: ObservedInstance | null,
): Promise<Agent | null> => {
  const isForgotten = seen === null && isSilent(agent, deps.clock.now())
  if (isForgotten || seen?.state === 'terminated' || seen?.state === 'shutting-down')
    return failAgent(deps, agent, 'instance_lost')
  return seen?.state === 'stopped' ? stopped(deps, agent, STOPPED_OUTSIDE) : null
}

const stop = async (deps: ProvisioningDeps, agent: Agent, seen: ObservedInstance | null): Promise<Agent | null> => {
  if (seen === null) return null
  if (seen.state === 'stopped') return stopped(deps, agent)
  if (seen.state === 'terminated' || seen.state === 'shutting-down') return failAgent(deps, agent, 'instance_lost')
  if (seen.state !== 'stopping') await deps.instances.stop(seen.id)
  return null
}

const start = async (deps: ProvisioningDeps, agent: Agent, seen: ObservedInstance | null): Promise<Agent | null> => {
  if (seen === null) return null
  if (seen.state === 'terminated' || seen.state === 'shutting-down') return failAgent(deps, agent, 'instance_lost')
  if (seen.state === 'stopped') await deps.instances.start(seen.id)
  return seen.state === 'running' || seen.state === 'pending'
    ? move(deps, agent, {
        to: 'booting',
        action: 'agent.booting',
        detail: { instanceId: seen.id },
        change: { bootStep: 'started' },
      })
    : null
}

/**
 * True while a launch may still bring up a machine that nobody has seen yet. It counts from when the agent was last to be
 * launched: the call itself waits for its turn.
 */
const launchMayBeOpen = (deps: ProvisioningDeps, agent: Agent): boolean => {
  if (agent.attempt === 0 || agent.instance !== undefined) return false
  const launching = agent.timeline.findLastIndex(({ status }) => status === 'launching')
  const endedAt = new Date(agent.timeline[launching + 1]?.at ?? agent.updatedAt)
  return deps.clock.now() < addSeconds(endedAt, LAUNCH_SETTLE_SECONDS)
}

const mergeIsUnderWay = (deps: ProvisioningDeps, agent: Agent): boolean =>
  Object.values(agent.pendingMerges).some(
    (merge) => deps.clock.now().getTime() - new Date(merge.at).getTime() < ABANDONED_MERGE_SECONDS * 1000,
  )

const remove = async (deps: ProvisioningDeps, agent: Agent): Promise<Agent | null> => {
  if (!(await clearLeftovers(deps, agent)) || launchMayBeOpen(deps, agent)) return null
  if (mergeIsUnderWay(deps, agent)) return null
  await deps.vault.remove(agentSecretName(deps.stage, agent.tenantId, agent.agentId))
  return move(deps, agent, {
    to: 'deleted',
    action: 'agent.deleted',
    change: { supportPathOpen: false, pendingMerges: {} },
    alongside: [deps.agents.releaseNameStep(agent), deps.tenants.removeAgentStep(agent.tenantId)],
  })
}

/** A failed agent keeps no machine. Its row says so only when nothing lives and nothing can still come. */
const clearFailed = async (deps: ProvisioningDeps, agent: Agent): Promise<void> => {
  if (agent.cleared === true || !(await clearLeftovers(deps, agent)) || launchMayBeOpen(deps, agent)) return
  const { instance: _, ...rest } = agent
  await deps.agents.replace(withLookAt({ ...rest, supportPathOpen: false, cleared: true }, deps.clock.now()), agent)
}

/**
 * Cuts a quarantined agent's machine off: no way out for it, and no right to its secret. It is kept, to be looked at, until
 * its tenant asks for another try or for its end. Written down when it is done, so that a crash leaves it owed.
 */
const isolate = async (deps: ProvisioningDeps, agent: Agent): Promise<void> => {
  if (agent.isolatedAt !== undefined) return
  if (agent.instance !== undefined)
    await deps.instances.setSecurityGroups(agent.instance.id, [deps.settings.quarantineSecurityGroupId])
  await deps.vault.unbind(agentSecretName(deps.stage, agent.tenantId, agent.agentId))
  const now = deps.clock.now()
  await deps.agents.replace(withLookAt({ ...agent, supportPathOpen: false, isolatedAt: now.toISOString() }, now), agent)
}

/** Sets a machine's groups. One that was overtaken by a quarantine is undone: it must not open what that closed. */
const setGroups = async (
  deps: ProvisioningDeps,
  { tenantId, agentId }: Agent,
  instanceId: string,
  groupIds: string[],
): Promise<Agent | null> => {
  await deps.instances.setSecurityGroups(instanceId, groupIds)
  const after = await deps.agents.read(tenantId, agentId)
  if (after !== null && isQuarantined(after))
    await deps.instances.setSecurityGroups(instanceId, [deps.settings.quarantineSecurityGroupId])
  return after
}

/**
 * Makes the machine's security groups follow the tenant's choice. Opening is written down before it is done and closing
 * after, so that a row which says "closed" is never wrong; an opening is pending on the row until the groups are set, and one
 * that was overtaken by a change of mind is undone. True when the row changed.
 */
const followSupportChoice = async (deps: ProvisioningDeps, agent: Agent): Promise<boolean> => {
  const { instance, supportAccess } = agent
  if (instance === undefined || agent.status === 'deleting' || agent.status === 'failed') return false
  if (followsSupportChoice(agent)) return false
  const groups = (open: boolean) => securityGroupsOf(deps.settings, open)
  const write = (seen: Agent, supportPathOpen: boolean, supportPathPending: boolean) =>
    deps.agents.replace(withLookAt({ ...seen, supportPathOpen, supportPathPending }, deps.clock.now()), seen)
  if (!supportAccess) {
    await setGroups(deps, agent, instance.id, groups(false))
    return write(agent, false, false)
  }
  if (!agent.supportPathOpen && !(await write(agent, true, true))) return true
  const after = await setGroups(deps, agent, instance.id, groups(true))
  if (after?.supportAccess !== true) await setGroups(deps, agent, instance.id, groups(false))
  else if (after.instance?.id === instance.id && after.supportPathOpen) await write(after, true, false)
  return true
}

/** A machine of a suspended tenant does not go on running, however it came to. */
const stopSuspended = async (deps: ProvisioningDeps, agent: Agent): Promise<Agent | null> => {
  if (agent.status !== 'booting' && agent.status !== 'ready' && agent.status !== 'starting') return null
  const tenant = await deps.tenants.read(agent.tenantId)
  if (tenant?.status === 'active') return null
  return move(deps, agent, { to: 'stopping', action: 'agent.stop_requested', detail: { because: 'tenant suspended' } })
}

const step = async (deps: ProvisioningDeps, agent: Agent, mayLaunch: MayLaunch | null): Promise<Agent | null> => {
  switch (agent.status) {
    case 'requested':
      return begin(deps, agent, mayLaunch)
    case 'launching':
      return launch(deps, agent, mayLaunch)
    case 'deleting':
      return remove(deps, agent)
    case 'failed':
      await (isQuarantined(agent) ? isolate(deps, agent) : clearFailed(deps, agent))
      return null
    case 'deleted':
      return null
  }
  const seen = agent.instance === undefined ? null : await deps.instances.observe(agent.instance.id)
  switch (agent.status) {
    case 'booting':
    case 'ready':
      return watchRunning(deps, agent, seen)
    case 'stopping':
      return stop(deps, agent, seen)
    case 'starting':
      return start(deps, agent, seen)
    case 'stopped':
      return seen?.state === 'terminated' ? failAgent(deps, agent, 'instance_lost') : null
  }
}

const MAX_STEPS = 6

/**
 * Brings one agent as far towards what its row asks for as can be done now. Called for every provision request, every
 * instance event and by the reconciler: each only says "look at this agent", and looking twice does no harm. All that depends
 * on who looks is whether a machine is asked for, and how long.
 */
export const convergeAgent = async (
  deps: ProvisioningDeps,
  { tenantId, agentId }: { tenantId: TenantId; agentId: AgentId },
  from: LookFrom,
): Promise<void> => {
  const seconds = LAUNCH_SECONDS[from]
  const mayLaunch =
    seconds === null ? null : { until: addSeconds(deps.clock.now(), seconds), isFromLine: from === 'queue' }
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    const agent = await deps.agents.read(tenantId, agentId)
    if (agent === null) return
    if (await followSupportChoice(deps, agent)) continue
    if ((await stopSuspended(deps, agent)) !== null) continue
    if ((await step(deps, agent, mayLaunch)) === null) return
  }
}
