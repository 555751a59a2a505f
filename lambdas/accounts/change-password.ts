import type { TransactStep } from '../aws/transact.aws.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import type { RateLimited } from '../limits/limiter.aws.ts'
import { letInAgain } from '../sessions/authenticate-session.ts'
import { type OpenedSession, openSession } from '../sessions/open-session.ts'
import { actorOf, chainOf, type Principal } from '../sessions/principal.ts'
import { judgePassword, type PasswordRule } from './password-policy.ts'
import type { SignInDeps } from './sign-in.ts'

export type ChangePasswordFailure =
  | RateLimited
  | { reason: 'wrong_current_password' }
  | { reason: 'session_ended' }
  | { reason: 'weak_password'; rule: PasswordRule }

const MAX_ATTEMPTS = 4

/** The caller's session under its new id, while the old one still stands. */
const renewSteps = (
  { sessions }: Pick<SignInDeps, 'sessions'>,
  { account, tenant, session }: Principal,
  opened: OpenedSession | null,
  sequence: number,
): TransactStep<'session_ended'>[] => {
  if (session === null || opened === null) return []
  const renewed = { ...opened.session, createdAt: session.createdAt, sequence }
  const actions = [
    sessions.endStep(account.accountId, session.sessionId),
    sessions.putStep(renewed, account.role),
    ...(tenant === null ? [] : [sessions.checkTenantStep(tenant.tenantId, session)]),
  ]
  return actions.map((action) => ({ refusal: 'session_ended', action }))
}

/**
 * Changes the caller's password. Every session that existed before ends in the same transaction; the caller's own goes on
 * under a new id, unless it was ended meanwhile: then nothing is changed. A caller with an API token has no session to go on
 * with.
 */
export const changePassword = async (
  deps: Omit<SignInDeps, 'tenants'>,
  input: { principal: Principal; currentPassword: Secret; newPassword: Secret; requestId: string },
): Promise<Result<OpenedSession | null, ChangePasswordFailure>> => {
  const { requestId } = input
  let { principal } = input
  const { account, tenant } = principal
  const weak = judgePassword(input.newPassword, account.email, tenant === null ? [] : [tenant.name])
  if (weak !== null) return fail({ reason: 'weak_password', rule: weak })

  const subject = { email: account.email, isKnownBrowser: true }
  const taken = await deps.limiter.takePasswordCheck(subject)
  if (!taken.ok) return taken
  const keys = await deps.sessionKeys()
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const { session } = principal
    const signIn = await deps.accounts.readSignIn(account.email)
    if (signIn === null || (await deps.passwords.verify(input.currentPassword, signIn.passwordHash)) === 'wrong') {
      await deps.audit.record(chainOf(principal), {
        actor: actorOf(principal),
        action: 'account.password_change_refused',
        target: account.accountId,
        detail: { requestId },
      })
      return fail({ reason: 'wrong_current_password' })
    }
    const passwordHash = await deps.passwords.hash(input.newPassword)
    const opened =
      session === null
        ? null
        : openSession({ keys, stage: deps.stage, random: deps.random }, account, session.userAgent, deps.clock.now())
    const committed = await deps.audit.commit<'moved' | 'session_ended'>({
      chain: chainOf(principal),
      event: {
        actor: actorOf(principal),
        action: 'account.password_changed',
        target: account.accountId,
        detail: { requestId },
      },
      steps: (sequence) => [
        {
          refusal: 'moved',
          action: deps.accounts.noteSignInStep(signIn, opened?.session.sessionId ?? null, passwordHash),
        },
        { refusal: 'moved', action: deps.limiter.forgetFailures(subject) },
        { refusal: 'session_ended', action: deps.sessions.endAllStep(account.accountId, sequence, session) },
        ...renewSteps(deps, principal, opened, sequence),
      ],
    })
    if (committed.ok) return ok(opened)
    if (committed.failure.reason === 'session_ended') {
      const again = await letInAgain(deps, principal)
      if (again === null) return fail({ reason: 'session_ended' })
      principal = again
    }
  }
  return fail({ reason: 'rate_limited', retryAfterSeconds: 1 })
}
