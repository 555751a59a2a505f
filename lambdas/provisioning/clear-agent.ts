import { type Agent, withLookAt } from '../agents/agent.ts'
import { agentSecretName } from '../contract/names.ts'
import { addSeconds } from '../core/clock.ts'
import { move, type ProvisioningDeps } from './move-agent.ts'

/** How long after the last launch call EC2 may not show the instance yet; until then an empty answer proves nothing. */
const LAUNCH_SETTLE_SECONDS = 60

/** A merge answers within seconds; a note of one that is older was left by a crash. */
export const ABANDONED_MERGE_SECONDS = 60

/** Ends what an earlier try left. True when nothing of it lives any more. */
export const clearLeftovers = async (deps: ProvisioningDeps, agent: Agent): Promise<boolean> => {
  if (agent.attempt === 0) return true
  const live = await deps.instances.listLive(agent.agentId)
  for (const { id } of live) await deps.instances.terminate(id)
  return live.length === 0
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

export const removeAgent = async (deps: ProvisioningDeps, agent: Agent): Promise<Agent | null> => {
  if (!(await clearLeftovers(deps, agent)) || launchMayBeOpen(deps, agent)) return null
  if (mergeIsUnderWay(deps, agent)) return null
  const secretId = agentSecretName(deps.stage, agent.tenantId, agent.agentId)
  // First, so that nobody who takes the deletion back opens it to a machine that is no more.
  await deps.vault.unbind(secretId)
  await deps.vault.remove(secretId)
  return move(deps, agent, {
    to: 'deleted',
    action: 'agent.deleted',
    change: { supportPathOpen: false, pendingMerges: {} },
    alongside: [deps.agents.releaseNameStep(agent), deps.tenants.removeAgentStep(agent.tenantId)],
  })
}

/** A failed agent keeps no machine. Its row says so only when nothing lives and nothing can still come. */
export const clearFailed = async (deps: ProvisioningDeps, agent: Agent): Promise<void> => {
  if (agent.cleared === true || !(await clearLeftovers(deps, agent)) || launchMayBeOpen(deps, agent)) return
  const { instance: _, ...rest } = agent
  await deps.agents.replace(withLookAt({ ...rest, supportPathOpen: false, cleared: true }, deps.clock.now()), agent)
}
