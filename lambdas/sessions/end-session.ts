import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import type { SessionId } from '../contract/ids.ts'
import type { Clock } from '../core/clock.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import { letInAgain } from './authenticate-session.ts'
import { actorOf, chainOf, type Principal } from './principal.ts'
import type { SessionKeySource } from './session-keys.aws.ts'
import type { SessionStore } from './session-store.aws.ts'
import { openSessionToken } from './session-token.ts'

interface Deps {
  sessions: SessionStore
  audit: AuditTrail
}

/** Ends the session of a token in one write, without looking it up first. Fails when there is no such session. */
export const logOut = async (
  deps: Deps & { sessionKeys: SessionKeySource; stage: string },
  input: { token: Secret; requestId: string },
): Promise<Result<void, { reason: 'session_forged' | 'session_unknown' }>> => {
  const claim = openSessionToken(await deps.sessionKeys(input.token), deps.stage, input.token)
  if (claim === null) return fail({ reason: 'session_forged' })
  const ended = await deps.audit.commit({
    chain: claim.tenantId ?? PLATFORM_CHAIN,
    event: {
      actor: { kind: claim.role, id: claim.accountId },
      action: 'account.signed_out',
      target: claim.sessionId,
      detail: { requestId: input.requestId },
    },
    steps: () => [{ refusal: 'session_unknown', action: deps.sessions.endStep(claim.accountId, claim.sessionId) }],
  })
  return ended.ok ? ok(undefined) : ended
}

/** Ends one of the caller's own sessions. */
export const endSession = async (
  deps: Deps,
  input: { principal: Principal; sessionId: SessionId; requestId: string },
): Promise<Result<void, { reason: 'session_unknown' }>> => {
  const { principal, sessionId } = input
  const ended = await deps.audit.commit({
    chain: chainOf(principal),
    event: {
      actor: actorOf(principal),
      action: 'session.ended',
      target: sessionId,
      detail: { requestId: input.requestId },
    },
    steps: () => [
      { refusal: 'session_unknown', action: deps.sessions.endStep(principal.account.accountId, sessionId) },
    ],
  })
  return ended.ok ? ok(undefined) : ended
}

/**
 * Ends every session of the caller but the one that asks, in one write however many there are. A session that was ended while
 * it asked ends nobody, and does not come back.
 */
export const endOtherSessions = async (
  deps: Deps & { clock: Clock },
  input: { principal: Principal; requestId: string },
): Promise<Result<void, { reason: 'session_ended' }>> => {
  const { principal } = input
  const { account, tenant, session } = principal
  const ended = await deps.audit.commit({
    chain: chainOf(principal),
    event: {
      actor: actorOf(principal),
      action: 'session.others_ended',
      target: account.accountId,
      detail: { requestId: input.requestId },
    },
    steps: (sequence) => {
      const actions = [deps.sessions.endAllStep(account.accountId, sequence, session)]
      if (session !== null) actions.push(deps.sessions.keepStep(account.accountId, session.sessionId, sequence))
      if (session !== null && tenant !== null) actions.push(deps.sessions.checkTenantStep(tenant.tenantId, session))
      return actions.map((action) => ({ refusal: 'session_ended' as const, action }))
    },
  })
  if (ended.ok) return ok(undefined)
  const again = await letInAgain(deps, principal)
  return again === null ? ended : endOtherSessions(deps, { ...input, principal: again })
}
