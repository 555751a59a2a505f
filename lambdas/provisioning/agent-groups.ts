import { type Agent, followsSupportChoice, withLookAt } from '../agents/agent.ts'
import { isQuarantined } from '../agents/failure-reasons.ts'
import { agentSecretName } from '../contract/names.ts'
import { securityGroupsOf } from './launch-attempt.ts'
import type { ProvisioningDeps } from './move-agent.ts'

/**
 * Cuts a quarantined agent's machine off: no way out for it, and no right to its secret. It is kept, to be looked at, until
 * its tenant asks for another try or for its end. Written down when it is done, so that a crash leaves it owed.
 */
export const isolate = async (deps: ProvisioningDeps, agent: Agent): Promise<void> => {
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
export const followSupportChoice = async (deps: ProvisioningDeps, agent: Agent): Promise<boolean> => {
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
