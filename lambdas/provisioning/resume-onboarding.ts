import { type Agent, credentialStates, enteredAt, withLookAt } from '../agents/agent.ts'
import { agentSecretName } from '../contract/names.ts'
import { addSeconds } from '../core/clock.ts'
import type { ProvisioningDeps } from './move-agent.ts'

/** An onboarding answers within seconds; one that is older was broken off. */
const BROKEN_OFF_SECONDS = 60

/**
 * Goes on with an onboarding that was broken off after its credentials were stored and before its row said so: notes what the
 * secret holds, so that the agent waits for its machine like any other. Who gave which is not known any more.
 */
export const resumeOnboarding = async (
  deps: Pick<ProvisioningDeps, 'agents' | 'vault' | 'clock' | 'logger' | 'stage'>,
  agent: Agent,
): Promise<void> => {
  const now = deps.clock.now()
  const isBrokenOff =
    agent.status === 'requested' &&
    agent.secretVersionId === undefined &&
    now >= addSeconds(new Date(enteredAt(agent)), BROKEN_OFF_SECONDS)
  if (!isBrokenOff) return
  const stored = await deps.vault.describe(agentSecretName(deps.stage, agent.tenantId, agent.agentId))
  if (!stored.ok) return
  const { versionId, revision, names } = stored.value
  const credentials = credentialStates(new Set(names), agent.credentials, [], '', now.toISOString())
  const resumed = { ...agent, credentials, secretVersionId: versionId, secretRevision: revision }
  if (await deps.agents.replace(withLookAt(resumed, now), agent))
    deps.logger.warn('onboarding resumed', { agentId: agent.agentId })
}
