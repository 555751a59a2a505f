import { type Agent, deadlineOf, withLookAt } from '../agents/agent.ts'
import { dropMerge, finishMerge } from '../agents/change-credentials.ts'
import type { FailureCode } from '../agents/failure-reasons.ts'
import { agentSecretName } from '../contract/names.ts'
import { addSeconds } from '../core/clock.ts'
import { ABANDONED_MERGE_SECONDS } from './clear-agent.ts'
import { convergeAgent } from './converge-agent.ts'
import { noteTurn } from './launch-agent.ts'
import { failAgent, type ProvisioningDeps } from './move-agent.ts'
import { resumeOnboarding } from './resume-onboarding.ts'

const BATCH = 200

/** About as many launches as fit into a pass: one that is taken up gets its turn before its time is over. */
const LOST_BATCH = 40

/** A pass ends by itself before the function's time does (60 s): what it did not reach is first in the next one. */
const PASS_SECONDS = 40

const TIMED_OUT: Partial<Record<Agent['status'], FailureCode>> = {
  requested: 'launch_timed_out',
  launching: 'launch_timed_out',
  booting: 'boot_timed_out',
  stopping: 'stop_timed_out',
  starting: 'start_timed_out',
}

const finishMerges = async (deps: ProvisioningDeps, agent: Agent): Promise<void> => {
  const now = deps.clock.now().getTime()
  for (const [mergeId, merge] of Object.entries(agent.pendingMerges)) {
    if (now - new Date(merge.at).getTime() < ABANDONED_MERGE_SECONDS * 1000) continue
    const current = await deps.agents.read(agent.tenantId, agent.agentId)
    const state = await deps.vault.describe(agentSecretName(deps.stage, agent.tenantId, agent.agentId))
    if (current === null) return
    if (state.ok && state.value.mergeIds.includes(mergeId)) {
      await finishMerge(deps, current, mergeId, merge, state.value, { kind: 'tenant', id: merge.by })
    } else {
      await dropMerge(deps, current, mergeId)
    }
  }
}

const enforceDeadline = async (deps: ProvisioningDeps, agent: Agent): Promise<void> => {
  const deadline = deadlineOf(agent)
  if (deadline === null || deps.clock.now() < deadline) return
  const code =
    agent.status === 'requested' && agent.secretVersionId === undefined
      ? 'onboarding_interrupted'
      : TIMED_OUT[agent.status]
  if (code === undefined) return
  deps.logger.warn('agent ran out of time', { agentId: agent.agentId, reason: code })
  await failAgent(deps, agent, code)
}

const goOn = async (deps: ProvisioningDeps, { tenantId, agentId }: Agent): Promise<void> => {
  await convergeAgent(deps, { tenantId, agentId }, 'reconciler')
  const agent = await deps.agents.read(tenantId, agentId)
  if (agent === null) return
  await resumeOnboarding(deps, agent)
  await finishMerges(deps, agent)
  const after = await deps.agents.read(tenantId, agentId)
  if (after !== null) await enforceDeadline(deps, after)
}

/** Running: not looked at before it has been silent for as long once more. Still passing: behind those that wait longer. */
const queueAgain = async (deps: ProvisioningDeps, { tenantId, agentId }: Agent): Promise<void> => {
  const agent = await deps.agents.read(tenantId, agentId)
  if (agent?.lookAt !== undefined) await deps.agents.replace(withLookAt(agent, deps.clock.now()), agent)
}

const lookAfter = async (deps: ProvisioningDeps, agent: Agent): Promise<void> => {
  try {
    await goOn(deps, agent)
  } finally {
    await queueAgain(deps, agent)
  }
}

/** Whom the line for machines passed by is ours to look after, once it is noted that it had its turn. */
const takeUpLost = async (deps: ProvisioningDeps): Promise<Agent[]> => {
  const taken: Agent[] = []
  for (const agent of await deps.agents.listInLine(await deps.pace.passedBy(), LOST_BATCH)) {
    if (!(await noteTurn(deps, agent))) continue
    deps.logger.warn('launch taken up', { agentId: agent.agentId })
    taken.push(agent)
  }
  return taken
}

/**
 * Looks at every agent that has something due: goes on with what a crash or a lost event left, and ends with a reason what
 * took too long. Who waits in the line for machines is left to it, unless the line has passed them by. Safe to run beside
 * itself; neither one agent's trouble nor many agents at once keep the others waiting.
 */
export const reconcile = async (deps: ProvisioningDeps): Promise<{ looked: number; failed: number }> => {
  const endsAt = addSeconds(deps.clock.now(), PASS_SECONDS)
  const due = await deps.agents.listDue(deps.clock.now(), BATCH)
  const lost = await takeUpLost(deps)
  let looked = 0
  let failed = 0
  for (const agent of [...due, ...lost]) {
    if (deps.clock.now() >= endsAt) break
    looked += 1
    try {
      await lookAfter(deps, agent)
    } catch (error) {
      failed += 1
      deps.logger.error('reconciling one agent failed', {
        agentId: agent.agentId,
        errorName: error instanceof Error ? error.name : 'unknown',
      })
    }
  }
  return { looked, failed }
}
