import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import type { TransactStep } from '../aws/transact.aws.ts'
import { API_TOKEN_DEFAULT_DAYS, API_TOKENS_PER_ACCOUNT } from '../contract/facts.ts'
import type { ApiTokenId } from '../contract/ids.ts'
import { addSeconds, type Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import { letInAgain } from '../sessions/authenticate-session.ts'
import { actorOf, chainOf, type Principal } from '../sessions/principal.ts'
import type { SessionStore } from '../sessions/session-store.aws.ts'
import { mintApiToken } from './api-token.ts'
import type { ApiToken, TokenStore } from './token-store.aws.ts'

const DAY_SECONDS = 86_400

interface Deps {
  tokens: TokenStore
  sessions: SessionStore
  audit: AuditTrail
  clock: Clock
  random: Random
}

/** The caller's tokens that still work, newest first. */
export const listTokens = async (deps: Pick<Deps, 'tokens' | 'clock'>, { account }: Principal): Promise<ApiToken[]> => {
  const now = deps.clock.now()
  const tokens = await deps.tokens.list(account.accountId)
  return tokens
    .filter((token) => token.expiresAt > now && token.sequence >= account.tokensEndedAt)
    .toSorted((left, right) => right.createdAt.getTime() - left.createdAt.getTime())
}

/** Holds while the session that asks has not been ended: a token would outlive it. */
const standingSteps = (
  { sessions }: Pick<Deps, 'sessions'>,
  { tenant, session }: Principal,
): TransactStep<'session_ended'>[] => {
  if (session === null) return []
  const actions = [sessions.checkThereStep(session), sessions.checkNotEndedStep(session)]
  if (tenant !== null) actions.push(sessions.checkTenantStep(tenant.tenantId, session))
  return actions.map((action) => ({ refusal: 'session_ended', action }))
}

/** Makes a token for the caller; its secret is returned here and never again. */
export const createToken = async (
  deps: Deps,
  input: { principal: Principal; name: string; expiresInDays?: number; requestId: string },
): Promise<Result<{ token: ApiToken; secret: Secret }, { reason: 'too_many_tokens' | 'session_ended' }>> => {
  const { principal, name } = input
  const { accountId } = principal.account
  if ((await listTokens(deps, principal)).length >= API_TOKENS_PER_ACCOUNT) return fail({ reason: 'too_many_tokens' })
  const now = deps.clock.now()
  const { token: secret, prefix, claim } = mintApiToken(deps.random, accountId)
  const expiresAt = addSeconds(now, (input.expiresInDays ?? API_TOKEN_DEFAULT_DAYS) * DAY_SECONDS)
  const token = { ...claim, name, prefix, createdAt: now, lastUsedAt: null, expiresAt }
  const committed = await deps.audit.commit<'too_many_tokens' | 'session_ended'>({
    chain: chainOf(principal),
    event: {
      actor: actorOf(principal),
      action: 'token.created',
      target: claim.tokenId,
      detail: { requestId: input.requestId },
    },
    steps: (sequence) => [
      { refusal: 'too_many_tokens', action: deps.tokens.putStep({ ...token, sequence }) },
      ...standingSteps(deps, principal),
    ],
  })
  if (committed.ok) return ok({ token: { ...token, sequence: committed.value.sequence }, secret })
  if (committed.failure.reason === 'too_many_tokens') return committed
  const again = await letInAgain(deps, principal)
  return again === null ? committed : createToken(deps, { ...input, principal: again })
}

/** Revokes one of the caller's tokens; it is refused from the next request on. */
export const revokeToken = async (
  deps: Pick<Deps, 'tokens' | 'audit'>,
  input: { principal: Principal; tokenId: ApiTokenId; requestId: string },
): Promise<Result<void, { reason: 'token_unknown' }>> => {
  const { principal, tokenId } = input
  const committed = await deps.audit.commit<'token_unknown'>({
    chain: chainOf(principal),
    event: {
      actor: actorOf(principal),
      action: 'token.revoked',
      target: tokenId,
      detail: { requestId: input.requestId },
    },
    steps: () => [{ refusal: 'token_unknown', action: deps.tokens.revokeStep(principal.account.accountId, tokenId) }],
  })
  return committed.ok ? ok(undefined) : committed
}
