import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import type { AuditDraft } from '../audit/chain.ts'
import type { CredentialPatch } from '../contract/agents.ts'
import { CREDENTIAL_KINDS, type CredentialKind, MODEL_CREDENTIAL_KINDS } from '../contract/credential-kinds.ts'
import { CREDENTIAL_WRITES_PER_DAY } from '../contract/facts.ts'
import { type AgentId, newEventId, type TenantId } from '../contract/ids.ts'
import { agentSecretName } from '../contract/names.ts'
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import type { CredentialVault, MergeGuards, VaultFailure, VaultState } from '../credentials/credential-vault.aws.ts'
import type { RateLimited } from '../limits/limiter.aws.ts'
import { actorOf, type Principal, type Tenant } from '../sessions/principal.ts'
import { type Agent, credentialStates, providedKinds, type PendingMerge, withLookAt } from './agent.ts'
import { type AgentUnknown, changeAgent, type ChangeAgentDeps } from './change-agent.ts'
import { type AgentSecretDeps, createAgentSecret } from './create-agent-secret.ts'

export interface ChangeCredentialsDeps extends ChangeAgentDeps, AgentSecretDeps {
  tenants: TenantStore
  vault: CredentialVault
  clock: Clock
  random: Random
  stage: string
}

export type ChangeCredentialsFailure = AgentUnknown | RateLimited | VaultFailure | { reason: 'agent_deleted' }

const DAY_MILLISECONDS = 86_400_000

const toChanges = (patch: CredentialPatch): Map<CredentialKind, Secret | null> =>
  new Map(
    CREDENTIAL_KINDS.flatMap((kind) => {
      const value = patch[kind]
      return value === undefined ? [] : [[kind, value] as const]
    }),
  )

/** How long until another version may be written, when the day's budget of versions is spent; else null. */
export const writeBudgetWait = (agent: Agent, now: Date): number | null => {
  const endsAt = new Date(agent.writeWindow.startedAt).getTime() + DAY_MILLISECONDS
  const writes = agent.secretRevision - agent.writeWindow.startRevision
  return now.getTime() < endsAt && writes >= CREDENTIAL_WRITES_PER_DAY
    ? Math.ceil((endsAt - now.getTime()) / 1000)
    : null
}

const judgeNames: MergeGuards['judgeNames'] = (names) =>
  MODEL_CREDENTIAL_KINDS.some((kind) => names.includes(kind)) ? null : { reason: 'last_model_credential' }

const withoutMerge = (agent: Agent, mergeId: string, now: Date): Agent => {
  const { [mergeId]: _, ...pendingMerges } = agent.pendingMerges
  return withLookAt({ ...agent, pendingMerges }, now)
}

/** The row after a merge: what the newest version known holds; a merge that lands late never overwrites a newer one. */
const recordMerge = (agent: Agent, mergeId: string, merge: PendingMerge, state: VaultState, now: Date): Agent => {
  const at = now.toISOString()
  const done = withoutMerge({ ...agent, updatedAt: at }, mergeId, now)
  if (state.revision < agent.secretRevision) {
    const provided = new Set<string>(providedKinds(agent))
    return { ...done, credentials: credentialStates(provided, agent.credentials, merge.kinds, merge.by, at) }
  }
  const windowOver = now.getTime() - new Date(agent.writeWindow.startedAt).getTime() >= DAY_MILLISECONDS
  return {
    ...done,
    credentials: credentialStates(new Set(state.names), agent.credentials, merge.kinds, merge.by, now.toISOString()),
    secretVersionId: state.versionId,
    secretRevision: state.revision,
    writeWindow: windowOver ? { startedAt: now.toISOString(), startRevision: agent.secretRevision } : agent.writeWindow,
  }
}

/** Writes down what a finished merge did, with its event. Also the reconciler's way to finish one that a crash cut off. */
export const finishMerge = (
  deps: ChangeAgentDeps & { clock: Clock },
  agent: Agent,
  mergeId: string,
  merge: PendingMerge,
  state: VaultState,
  actor: AuditDraft['actor'],
): Promise<Result<Agent, AgentUnknown>> =>
  changeAgent<never>(deps, { tenantId: agent.tenantId, agentId: agent.agentId, known: agent }, (current) =>
    current.pendingMerges[mergeId] === undefined
      ? ok(null)
      : ok({
          agent: recordMerge(current, mergeId, merge, state, deps.clock.now()),
          event: {
            actor,
            action: 'agent.credentials_changed',
            target: agent.agentId,
            detail: { requestId: merge.requestId, kinds: merge.kinds.join(' '), revision: state.revision },
          },
        }),
  )

/** Forgets a merge that wrote nothing. */
export const dropMerge = async (
  deps: ChangeAgentDeps & { clock: Clock },
  agent: Agent,
  mergeId: string,
): Promise<void> => {
  let current: Agent | null = agent
  for (let attempt = 0; current !== null && attempt < 5; attempt += 1) {
    if (current.pendingMerges[mergeId] === undefined) return
    if (await deps.agents.replace(withoutMerge(current, mergeId, deps.clock.now()), current)) return
    current = await deps.agents.read(agent.tenantId, agent.agentId)
  }
}

const storeFirst = async (
  deps: ChangeCredentialsDeps,
  secretId: string,
  agent: Agent,
  tenant: Tenant,
  changes: ReadonlyMap<CredentialKind, Secret | null>,
  mergeId: string,
): Promise<Result<VaultState, VaultFailure>> => {
  const credentials = new Map<string, Secret>()
  for (const [kind, value] of changes) if (value !== null) credentials.set(kind, value)
  const refused = judgeNames([...credentials.keys()])
  if (refused !== null) return fail(refused)
  const { agentId } = agent
  const created = await createAgentSecret(deps, { tenant, agentId, credentials, mergeIds: [mergeId] })
  if (!created.ok || !created.value.existed) return created
  return deps.vault.merge(secretId, changes, { mergeId, judgeNames, mayWrite: Promise.resolve(true) })
}

/**
 * Adds, replaces or removes credentials of an agent; what the patch does not name stays. The intent is written before the
 * secret, the result after it, so a crash in between leaves a note that the reconciler finishes. Answered only when stored.
 */
export const changeCredentials = async (
  deps: ChangeCredentialsDeps,
  input: {
    principal: Principal
    tenant: Tenant
    tenantId: TenantId
    agentId: AgentId
    patch: CredentialPatch
    requestId: string
  },
): Promise<Result<Agent, ChangeCredentialsFailure>> => {
  const { principal, tenantId, agentId } = input
  const now = deps.clock.now()
  const changes = toChanges(input.patch)
  const mergeId = newEventId(now, deps.random)
  const merge: PendingMerge = {
    kinds: [...changes.keys()],
    by: principal.account.accountId,
    at: now.toISOString(),
    requestId: input.requestId,
  }
  const secretId = agentSecretName(deps.stage, tenantId, agentId)
  const beginning = deps.agents.beginMerge(tenantId, agentId, mergeId, merge)
  // A failed beginning is reported by `beginning` itself; here it only means that nothing may be written.
  const mayWrite = beginning.then(
    (begun) => begun !== null && writeBudgetWait(begun, now) === null,
    () => false,
  )
  const [begun, merged] = await Promise.all([
    beginning,
    deps.vault.merge(secretId, changes, { mergeId, judgeNames, mayWrite }),
  ])
  if (begun === null) {
    const exists = await deps.agents.read(tenantId, agentId)
    return fail({ reason: exists === null ? 'agent_unknown' : 'agent_deleted' })
  }
  const stored =
    !merged.ok && merged.failure.reason === 'secret_missing'
      ? await storeFirst(deps, secretId, begun, input.tenant, changes, mergeId)
      : merged
  if (stored.ok) {
    const finished = await finishMerge(deps, begun, mergeId, merge, stored.value, actorOf(principal))
    if (!finished.ok || finished.value.status !== 'deleted') return finished
    // Deleted while it was written: the secret must not outlive its agent.
    await deps.vault.remove(secretId)
    return fail({ reason: 'agent_deleted' })
  }
  await dropMerge(deps, begun, mergeId)
  const waitSeconds = writeBudgetWait(begun, now)
  return stored.failure.reason === 'not_allowed' && waitSeconds !== null
    ? fail({ reason: 'rate_limited', retryAfterSeconds: waitSeconds })
    : fail(stored.failure)
}
