import { SESSION_TOUCH_SECONDS } from '../contract/facts.ts'
import type { Clock } from '../core/clock.ts'
import { equalsConstantTime } from '../core/digest.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import type { Account, Principal, Session, Tenant } from './principal.ts'
import type { SessionKeySource } from './session-keys.aws.ts'
import { sessionExpiry } from './session-lifetime.ts'
import type { SessionStore } from './session-store.aws.ts'
import { openSessionToken } from './session-token.ts'

export type SessionRefusal = {
  reason:
    | 'session_forged'
    | 'session_unknown'
    | 'session_ended'
    | 'session_expired'
    | 'account_suspended'
    | 'tenant_suspended'
}

/**
 * Whether a session or token of an account still stands, by the account's and its tenant's state. `endedAt` is the account's
 * own mark for that kind of credential.
 */
export const judgeStanding = (
  account: Account,
  tenant: Tenant | null,
  { sequence, endedAt }: { sequence: number; endedAt: number },
): Extract<SessionRefusal['reason'], 'account_suspended' | 'tenant_suspended' | 'session_ended'> | null => {
  if (account.status !== 'active') return 'account_suspended'
  if (account.tenantId !== null && tenant?.status !== 'active') return 'tenant_suspended'
  return sequence < Math.max(endedAt, tenant?.sessionsEndedAt ?? 0) ? 'session_ended' : null
}

const judgeSession = (
  session: Session | null,
  account: Account | null,
  tenant: Tenant | null,
  tokenHash: string,
  now: Date,
): Result<Principal, SessionRefusal> => {
  if (session === null || account === null) return fail({ reason: 'session_unknown' })
  if (!equalsConstantTime(Buffer.from(session.tokenHash), Buffer.from(tokenHash)))
    return fail({ reason: 'session_unknown' })
  if (account.tenantId !== (tenant?.tenantId ?? null)) return fail({ reason: 'session_unknown' })
  if (now >= sessionExpiry(account.role, session.createdAt, session.lastSeenAt))
    return fail({ reason: 'session_expired' })
  const standing = judgeStanding(account, tenant, { sequence: session.sequence, endedAt: account.sessionsEndedAt })
  return standing === null ? ok({ account, tenant, session }) : fail({ reason: standing })
}

/**
 * Who a session token belongs to, by what the store says now. A forged token costs no look-up; role, status and expiry are
 * read on every request and never taken from the token.
 */
export const authenticateSession = async (
  deps: { sessionKeys: SessionKeySource; sessions: SessionStore; clock: Clock; stage: string },
  token: Secret,
): Promise<Result<Principal, SessionRefusal>> => {
  const claim = openSessionToken(await deps.sessionKeys(token), deps.stage, token)
  if (claim === null) return fail({ reason: 'session_forged' })
  const { session, account, tenant } = await deps.sessions.read(claim)
  const now = deps.clock.now()
  const judged = judgeSession(session, account, tenant, claim.tokenHash, now)
  if (!judged.ok || judged.value.session === null) return judged
  const idleSeconds = (now.getTime() - judged.value.session.lastSeenAt.getTime()) / 1000
  if (idleSeconds >= SESSION_TOUCH_SECONDS) await deps.sessions.touch(judged.value.session, judged.value.account, now)
  return judged
}

/**
 * The caller as the store knows them now, or null where their session has ended since they were let in. For what grants
 * standing, and so must not be done for a session that something else has just ended.
 */
export const letInAgain = async (
  deps: { sessions: SessionStore; clock: Clock },
  { account: { accountId, tenantId, role }, session }: Principal,
): Promise<Principal | null> => {
  if (session === null) return null
  const { sessionId, tokenHash } = session
  const now = await deps.sessions.read({ accountId, sessionId, tenantId, role, tokenHash })
  const judged = judgeSession(now.session, now.account, now.tenant, tokenHash, deps.clock.now())
  return judged.ok ? judged.value : null
}
