import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import type { AuditDraft } from '../audit/chain.ts'
import { DependencyError } from '../aws/errors.aws.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import type { AgentId, TenantId } from '../contract/ids.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Limiter, RateLimited } from '../limits/limiter.aws.ts'
import type { Agent } from './agent.ts'
import type { AgentStore } from './agent-store.aws.ts'

export interface ChangeAgentDeps {
  agents: AgentStore
  audit: AuditTrail
}

/** What a decision wants written: the next row, the event that tells of it, and what else must happen with it. */
export interface AgentChange {
  agent: Agent
  event: AuditDraft
  alongside?: readonly WriteAction[]
}

export type AgentUnknown = { reason: 'agent_unknown' }

/** Which agent; `known` spares the first read where the caller has just read the row. */
interface Id {
  tenantId: TenantId
  agentId: AgentId
  known?: Agent
}

type Decide<F> = (agent: Agent) => Result<AgentChange | null, F>

const MAX_ATTEMPTS = 12

const change = async <F, L>(
  deps: ChangeAgentDeps,
  id: Id,
  decide: Decide<F>,
  limit: { step: () => WriteAction; refuse: () => L } | null,
): Promise<Result<Agent, F | AgentUnknown | L>> => {
  let known = id.known
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const agent = known ?? (await deps.agents.read(id.tenantId, id.agentId))
    known = undefined
    if (agent === null) return fail({ reason: 'agent_unknown' })
    const decided = decide(agent)
    if (!decided.ok) return decided
    if (decided.value === null) return ok(agent)
    const { agent: next, event, alongside = [] } = decided.value
    const committed = await deps.audit.commit<'agent_moved' | 'over_limit'>({
      chain: agent.tenantId,
      event,
      steps: () => [
        ...[deps.agents.replaceStep(next, agent), ...alongside].map((action) => ({
          refusal: 'agent_moved' as const,
          action,
        })),
        ...(limit === null ? [] : [{ refusal: 'over_limit' as const, action: limit.step() }]),
      ],
    })
    if (committed.ok) return ok({ ...next, version: agent.version + 1 })
    if (limit !== null && committed.failure.reason === 'over_limit') return fail(limit.refuse())
  }
  throw new DependencyError('dynamodb', 'throttled', new Error('too many writers of one agent'))
}

/**
 * The one way an agent's row changes: read, decide (purely), write if nobody was faster, with the audit event. A decision of
 * null changes nothing.
 */
export const changeAgent = <F>(
  deps: ChangeAgentDeps,
  id: Id,
  decide: Decide<F>,
): Promise<Result<Agent, F | AgentUnknown>> => change<F, never>(deps, id, decide, null)

/** The same for what a tenant asks for and what costs others time: so many in a minute, counted with the change itself. */
export const changeAgentWithinLimit = <F>(
  deps: ChangeAgentDeps & { limiter: Pick<Limiter, 'changeStep' | 'untilNextWindow'> },
  id: Id,
  decide: Decide<F>,
): Promise<Result<Agent, F | AgentUnknown | RateLimited>> =>
  change(deps, id, decide, {
    step: () => deps.limiter.changeStep(id.tenantId),
    refuse: deps.limiter.untilNextWindow,
  })
