import { type Agent, isSilent } from '../agents/agent.ts'
import { isQuarantined, STOPPED_OUTSIDE } from '../agents/failure-reasons.ts'
import type { AgentReason } from '../contract/agents.ts'
import type { AgentId, TenantId } from '../contract/ids.ts'
import { addSeconds } from '../core/clock.ts'
import { followSupportChoice, isolate } from './agent-groups.ts'
import { clearFailed, removeAgent } from './clear-agent.ts'
import type { ObservedInstance } from './instances.aws.ts'
import { beginLaunch, launchAgent, type MayLaunch } from './launch-agent.ts'
import { failAgent, move, type ProvisioningDeps } from './move-agent.ts'

/**
 * Who looks, by how long a launch may be tried, in seconds: the launch queue as long as its function's time allows, the
 * reconciler, which has others to look at, once. An event launches nothing: it must not stand in the line.
 */
export const LAUNCH_SECONDS = { queue: 40, reconciler: 0, event: null } as const
export type LookFrom = keyof typeof LAUNCH_SECONDS

const isGone = ({ state }: ObservedInstance): boolean => state === 'terminated' || state === 'shutting-down'

const stopped = (deps: ProvisioningDeps, agent: Agent, reason?: AgentReason) =>
  move(deps, agent, { to: 'stopped', action: 'agent.stopped', reason })

const booting = (deps: ProvisioningDeps, agent: Agent, { id }: ObservedInstance) =>
  move(deps, agent, {
    to: 'booting',
    action: 'agent.booting',
    detail: { instanceId: id },
    change: { bootStep: 'started' },
  })

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
  if (isForgotten || (seen !== null && isGone(seen))) return failAgent(deps, agent, 'instance_lost')
  return seen?.state === 'stopped' ? stopped(deps, agent, STOPPED_OUTSIDE) : null
}

/** A machine that seems stopped is asked to stop all the same: that may be its state from before it was started. */
const stop = async (deps: ProvisioningDeps, agent: Agent, seen: ObservedInstance | null): Promise<Agent | null> => {
  if (seen === null) return null
  if (isGone(seen)) return failAgent(deps, agent, 'instance_lost')
  if (seen.state !== 'stopping') await deps.instances.stop(seen.id)
  return seen.state === 'stopped' ? stopped(deps, agent) : null
}

/** What a machine does whose row says that it does not run. */
const watchStopped = async (
  deps: ProvisioningDeps,
  agent: Agent,
  seen: ObservedInstance | null,
): Promise<Agent | null> => {
  if (seen?.state === 'terminated') return failAgent(deps, agent, 'instance_lost')
  if (seen?.state !== 'running' && seen?.state !== 'pending') return null
  if (agent.reason?.code === STOPPED_OUTSIDE.code) return booting(deps, agent, seen)
  await deps.instances.stop(seen.id)
  return null
}

/** A machine that seems to run is asked to start all the same: that may be its state from before it was stopped. */
const start = async (deps: ProvisioningDeps, agent: Agent, seen: ObservedInstance | null): Promise<Agent | null> => {
  if (seen === null) return null
  if (isGone(seen)) return failAgent(deps, agent, 'instance_lost')
  const isAsked = seen.state === 'stopped' || seen.state === 'running'
  if (isAsked && !(await deps.instances.start(seen.id))) return null
  return seen.state === 'running' || seen.state === 'pending' ? booting(deps, agent, seen) : null
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
      return beginLaunch(deps, agent, mayLaunch)
    case 'launching':
      return launchAgent(deps, agent, mayLaunch)
    case 'deleting':
      return removeAgent(deps, agent)
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
      return watchStopped(deps, agent, seen)
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
