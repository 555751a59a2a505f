import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import type { AgentBody, OnboardAgentInput } from '../contract/agents.ts'
import { DependencyError } from '../aws/errors.aws.ts'
import { CREDENTIAL_KINDS, type CredentialKind } from '../contract/credential-kinds.ts'
import { IDEMPOTENCY_SECONDS } from '../contract/facts.ts'
import { newAgentId, type TenantId } from '../contract/ids.ts'
import { agentSecretName } from '../contract/names.ts'
import { type Clock, toEpochSeconds } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import type { CredentialVault, VaultFailure } from '../credentials/credential-vault.aws.ts'
import type { Limiter, RateLimited } from '../limits/limiter.aws.ts'
import { actorOf, type Principal, type Tenant } from '../sessions/principal.ts'
import type { SessionKeySource } from '../sessions/session-keys.aws.ts'
import { openValue, signValue } from '../sessions/signed-value.ts'
import { type Agent, credentialStates, transition, withLookAt } from './agent.ts'
import { toAgentBody } from './agent-body.ts'
import type { AgentStore } from './agent-store.aws.ts'
import type { ChangeAgentDeps } from './change-agent.ts'
import { type AgentSecretDeps, createAgentSecret } from './create-agent-secret.ts'
import type { ProvisionRequests } from './provision-requests.aws.ts'

export interface OnboardDeps extends ChangeAgentDeps, AgentSecretDeps {
  agents: AgentStore
  tenants: TenantStore
  vault: CredentialVault
  requests: Pick<ProvisionRequests, 'put'>
  sessionKeys: SessionKeySource
  limiter: Pick<Limiter, 'changeStep' | 'untilNextWindow' | 'take'>
  clock: Clock
  random: Random
  stage: string
  agentsPerTenant: number
}

export type OnboardFailure =
  | { reason: 'name_taken' }
  | { reason: 'agent_limit_reached' }
  | { reason: 'idempotency_mismatch' }
  | { reason: 'agent_deleted' }
  | RateLimited
  | VaultFailure

type Refusal = 'key_used' | 'name_taken' | 'agent_limit_reached' | 'over_limit'

const givenKinds = (credentials: OnboardAgentInput['credentials']): CredentialKind[] =>
  CREDENTIAL_KINDS.filter((kind) => credentials[kind] !== undefined)

const toValues = (credentials: OnboardAgentInput['credentials']): Map<string, Secret> =>
  new Map(
    CREDENTIAL_KINDS.flatMap((kind) => {
      const value = credentials[kind]
      return value === undefined ? [] : [[kind, value] as const]
    }),
  )

/** The request's content as one text, for comparing a repeat with the first call; it only ever leaves as a MAC. */
const contentOf = ({ name, supportAccess, credentials }: OnboardAgentInput): string =>
  JSON.stringify([name, supportAccess, CREDENTIAL_KINDS.map((kind) => credentials[kind]?.reveal() ?? null)])

const newAgent = (deps: OnboardDeps, input: OnboardAgentInput, tenantId: TenantId): Agent => {
  const now = deps.clock.now()
  const at = now.toISOString()
  const agent: Agent = {
    agentId: newAgentId(now, deps.random),
    tenantId,
    name: input.name,
    status: 'requested',
    supportAccess: input.supportAccess,
    supportPathOpen: false,
    credentials: credentialStates(new Set(), null, [], '', at),
    secretRevision: 0,
    writeWindow: { startedAt: at, startRevision: 0 },
    pendingMerges: {},
    attempt: 0,
    roundStartAttempt: 0,
    timeline: [{ status: 'requested', at }],
    createdAt: at,
    updatedAt: at,
    version: 1,
  }
  return withLookAt(agent, now)
}

const reserve = async (
  deps: OnboardDeps,
  agent: Agent,
  input: { principal: Principal; key: string; bodyMac: string; requestId: string },
): Promise<Result<unknown, { reason: Refusal }>> => {
  const nowSeconds = toEpochSeconds(deps.clock.now())
  return deps.audit.commit<Refusal>({
    chain: agent.tenantId,
    event: {
      actor: actorOf(input.principal),
      action: 'agent.onboarded',
      target: agent.agentId,
      detail: { requestId: input.requestId, name: agent.name, supportAccess: agent.supportAccess },
    },
    steps: () => [
      {
        refusal: 'key_used',
        action: deps.agents.claimKeyStep(
          agent.tenantId,
          input.key,
          { agentId: agent.agentId, bodyMac: input.bodyMac },
          nowSeconds + IDEMPOTENCY_SECONDS,
          nowSeconds,
        ),
      },
      { refusal: 'name_taken', action: deps.agents.claimNameStep(agent) },
      { refusal: 'agent_limit_reached', action: deps.tenants.addAgentStep(agent.tenantId, deps.agentsPerTenant) },
      { refusal: 'key_used', action: deps.agents.putNewStep(agent) },
      { refusal: 'over_limit', action: deps.limiter.changeStep(agent.tenantId) },
    ],
  })
}

const isGoing = ({ status }: Agent): boolean => status === 'deleting' || status === 'deleted'

interface Call {
  principal: Principal
  idempotencyKey: string
  requestId: string
}

/** An agent that was given up meanwhile is asked for again, and that is told like any other change of its state. */
const settleAndTell = async (
  deps: OnboardDeps,
  { principal, idempotencyKey, requestId }: Call,
  next: Agent,
  previous: Agent,
  answer: AgentBody,
): Promise<boolean> => {
  const steps = deps.agents.settleOnboardingSteps(idempotencyKey, next, previous, answer)
  if (next.status === previous.status) return deps.agents.settleOnboarding(steps)
  const told = await deps.audit.commit<'moved'>({
    chain: next.tenantId,
    event: { actor: actorOf(principal), action: 'agent.retry_requested', target: next.agentId, detail: { requestId } },
    steps: () => steps,
  })
  return told.ok
}

/** Writes the finished row and the answer to repeat, together. Whoever comes second gives the first one's answer. */
const settle = async (
  deps: OnboardDeps,
  call: Call,
  next: Agent,
  previous: Agent,
): Promise<Result<AgentBody, { reason: 'agent_deleted' }>> => {
  const key = call.idempotencyKey
  const answer = toAgentBody(next, deps.clock.now())
  if (await settleAndTell(deps, call, next, previous, answer)) return ok(answer)
  const [first, current] = await Promise.all([
    deps.agents.readIdempotency(next.tenantId, key),
    deps.agents.read(next.tenantId, next.agentId),
  ])
  if (current === null)
    throw new DependencyError('dynamodb', 'unavailable', new Error('onboarded agent is not readable'))
  if (isGoing(current)) {
    // Deleted while it was set up: the secret must not outlive its agent.
    await deps.vault.remove(agentSecretName(deps.stage, next.tenantId, next.agentId))
    return fail({ reason: 'agent_deleted' })
  }
  if (first?.answer !== undefined) return ok(first.answer)
  const row = current.secretVersionId === undefined ? { ...next, ...current, ...secretOf(next) } : current
  return settle(deps, call, row, current)
}

const secretOf = ({ secretVersionId, secretRevision, credentials }: Agent) => ({
  secretVersionId,
  secretRevision,
  credentials,
})

/** Stores the credentials and asks for the machine. Every part may have happened before; each is then left as it is. */
const finish = async (
  deps: OnboardDeps,
  agent: Agent,
  input: OnboardAgentInput & Call & { tenant: Tenant },
): Promise<Result<AgentBody, VaultFailure | { reason: 'agent_deleted' }>> => {
  if (isGoing(agent)) return fail({ reason: 'agent_deleted' })
  const { tenant } = input
  const credentials = toValues(input.credentials)
  const stored = await createAgentSecret(deps, { tenant, agentId: agent.agentId, credentials })
  if (!stored.ok) return stored
  const now = deps.clock.now()
  const by = input.principal.account.accountId
  const filled: Agent = {
    ...agent,
    secretVersionId: stored.value.versionId,
    secretRevision: stored.value.revision,
    credentials: credentialStates(
      new Set(stored.value.names),
      null,
      givenKinds(input.credentials),
      by,
      now.toISOString(),
    ),
  }
  const revived = filled.status === 'failed' ? transition(filled, 'requested', now) : ok(filled)
  const next = revived.ok ? revived.value : filled
  const settled = await settle(deps, input, next, agent)
  if (settled.ok) await deps.requests.put(next, 'launch')
  return settled
}

/**
 * Onboards an agent: reserves its name and place first, then stores the credentials under the tenant's key, then asks for
 * the machine. A repeat with the same key finishes what a crash left and gets the first answer.
 */
export const onboardAgent = async (
  deps: OnboardDeps,
  input: OnboardAgentInput & Call & { tenant: Tenant },
): Promise<Result<AgentBody, OnboardFailure>> => {
  const { principal, tenant, idempotencyKey: key, requestId } = input
  const keys = await deps.sessionKeys()
  const content = Buffer.from(contentOf(input)).toString('base64url')
  const sealed = signValue(keys, 'idempotency', deps.stage, content)
  const bodyMac = sealed.replace(`.${content}.`, '.')
  const agent = newAgent(deps, input, tenant.tenantId)
  const reserved = await reserve(deps, agent, { principal, key, bodyMac, requestId })
  if (reserved.ok) return finish(deps, agent, input)
  const { reason } = reserved.failure
  if (reason === 'over_limit') return fail(deps.limiter.untilNextWindow())
  if (reason !== 'key_used') return fail({ reason })

  const first = await deps.agents.readIdempotency(tenant.tenantId, key)
  const reopened = first === null ? null : first.bodyMac.replace('.', `.${content}.`)
  if (first === null || reopened === null || openValue(keys, 'idempotency', deps.stage, reopened) !== content) {
    return fail({ reason: 'idempotency_mismatch' })
  }
  const begun = await deps.agents.read(tenant.tenantId, first.agentId)
  if (first.answer !== undefined) {
    // The request for the machine comes after the answer was written down, and may have been what a crash cut off.
    // It is work for others like a change, and counted so; the row says what is due also without it.
    const isDue = begun?.status === 'requested' && (await deps.limiter.take('change', tenant.tenantId)).ok
    if (isDue) await deps.requests.put(begun, 'launch')
    return ok(first.answer)
  }
  if (begun === null) return fail({ reason: 'idempotency_mismatch' })
  return finish(deps, begun, input)
}
