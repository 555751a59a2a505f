import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import { type Agent, transition, withLookAt } from '../agents/agent.ts'
import { changeAgent, type ChangeAgentDeps } from '../agents/change-agent.ts'
import { failureReason, type FailureCode } from '../agents/failure-reasons.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import type { AgentReason, AgentStatus } from '../contract/agents.ts'
import type { AuditAction } from '../contract/audit.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { ok } from '../core/result.ts'
import type { CredentialVault } from '../credentials/credential-vault.aws.ts'
import type { AttemptStore } from './attempt-store.aws.ts'
import type { Instances } from './instances.aws.ts'
import type { LaunchSettings } from './launch-attempt.ts'
import type { LaunchPace } from './launch-pace.aws.ts'

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

export const PROVISIONER = { kind: 'system', id: 'provisioner' } as const

interface Move {
  to: AgentStatus
  action: AuditAction
  reason?: AgentReason
  detail?: Record<string, string | number | boolean>
  change?: Partial<Agent>
  alongside?: readonly WriteAction[]
}

/** Moves an agent that is still as we saw it. One that changed meanwhile is returned as seen: the caller looks again. */
export const move = async (
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
