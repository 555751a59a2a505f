import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import type { TransactStep } from '../aws/transact.aws.ts'
import { KNOWN_BROWSER_SECONDS, SESSIONS_PER_ACCOUNT } from '../contract/facts.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import type { Limiter, RateLimited, SignInSubject } from '../limits/limiter.aws.ts'
import { type OpenedSession, openSession } from '../sessions/open-session.ts'
import type { SessionKeySource } from '../sessions/session-keys.aws.ts'
import type { SessionStore } from '../sessions/session-store.aws.ts'
import { openKnownBrowser } from '../sessions/session-token.ts'
import type { AccountStore, SignIn } from './account-store.aws.ts'
import type { PasswordHasher } from './password-hash.ts'
import type { TenantStore } from './tenant-store.aws.ts'

export interface SignInDeps {
  accounts: AccountStore
  tenants: TenantStore
  sessions: SessionStore
  sessionKeys: SessionKeySource
  limiter: Limiter
  passwords: PasswordHasher
  audit: AuditTrail
  clock: Clock
  random: Random
  stage: string
}

export interface SignInInput {
  email: string
  password: Secret
  clientBucket: string
  knownBrowser: Secret | null
  userAgent: string
  requestId: string
}

export type SignInFailure =
  | RateLimited
  | { reason: 'invalid_credentials'; because: 'no_account' | 'wrong_password' | 'not_active' }

type Refusal = 'sign_in_moved' | 'not_active'

const MAX_ATTEMPTS = 4

const refuse = async (
  deps: SignInDeps,
  input: SignInInput,
  because: 'no_account' | 'wrong_password' | 'not_active',
  target: string,
): Promise<Result<never, SignInFailure>> => {
  await deps.audit.record(PLATFORM_CHAIN, {
    actor: { kind: 'stranger', id: 'unknown' },
    action: 'account.sign_in_refused',
    target,
    detail: { requestId: input.requestId },
  })
  return fail({ reason: 'invalid_credentials', because })
}

const commitSignIn = async (
  deps: SignInDeps,
  signIn: SignIn,
  subject: SignInSubject,
  opened: OpenedSession,
  newHash: string | undefined,
  requestId: string,
): Promise<Result<unknown, { reason: Refusal }>> =>
  deps.audit.commit<Refusal>({
    chain: signIn.tenantId ?? PLATFORM_CHAIN,
    event: {
      actor: { kind: signIn.role, id: signIn.accountId },
      action: 'account.signed_in',
      target: opened.session.sessionId,
      detail: { requestId },
    },
    steps: (sequence) => {
      const evicted = signIn.sessionIds.slice(0, Math.max(0, signIn.sessionIds.length + 1 - SESSIONS_PER_ACCOUNT))
      const steps: TransactStep<Refusal>[] = [
        { refusal: 'sign_in_moved', action: deps.accounts.noteSignInStep(signIn, opened.session.sessionId, newHash) },
        { refusal: 'not_active', action: deps.accounts.checkActiveStep(signIn) },
        { refusal: 'sign_in_moved', action: deps.sessions.putStep({ ...opened.session, sequence }, signIn.role) },
        { refusal: 'sign_in_moved', action: deps.limiter.forgetFailures(subject) },
      ]
      for (const sessionId of evicted) {
        steps.push({ refusal: 'sign_in_moved', action: deps.sessions.evictStep(signIn.accountId, sessionId) })
      }
      if (signIn.tenantId !== null) {
        steps.push({ refusal: 'not_active', action: deps.tenants.checkActiveStep(signIn.tenantId) })
      }
      return steps
    },
  })

/**
 * Signs in with e-mail and password. An attempt is reserved before the hash is computed; an unknown address costs the same
 * and is answered alike. A hash with old parameters is renewed in the same transaction, and only if nobody changed it.
 */
export const signIn = async (
  deps: SignInDeps,
  input: SignInInput,
): Promise<Result<OpenedSession & { signIn: SignIn }, SignInFailure>> => {
  const keys = await deps.sessionKeys()
  const now = deps.clock.now()
  const knownBrowser = openKnownBrowser(keys, deps.stage, input.knownBrowser, input.email, now, KNOWN_BROWSER_SECONDS)
  const subject = { email: input.email, isKnownBrowser: knownBrowser !== null }
  const [taken, found] = await Promise.all([
    deps.limiter.takeSignIn(input.clientBucket, subject),
    deps.accounts.readSignIn(input.email),
  ])
  if (!taken.ok) return taken
  if (found === null) {
    await deps.passwords.verifyDecoy(input.password)
    return refuse(deps, input, 'no_account', 'unknown')
  }
  const verdict = await deps.passwords.verify(input.password, found.passwordHash)
  if (verdict === 'wrong') return refuse(deps, input, 'wrong_password', found.accountId)
  let newHash = verdict === 'outdated' ? await deps.passwords.hash(input.password) : undefined

  let current = found
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const opened = openSession(
      { keys, stage: deps.stage, random: deps.random },
      current,
      input.userAgent,
      deps.clock.now(),
    )
    const committed = await commitSignIn(deps, current, subject, opened, newHash, input.requestId)
    if (committed.ok) return ok({ ...opened, signIn: current })
    if (committed.failure.reason === 'not_active') return refuse(deps, input, 'not_active', current.accountId)
    const again = await deps.accounts.readSignIn(input.email)
    // Changed while this one was being checked: renewed by another sign-in, or no longer the password.
    if (again === null) return refuse(deps, input, 'no_account', 'unknown')
    if (again.passwordHash !== current.passwordHash) {
      if ((await deps.passwords.verify(input.password, again.passwordHash)) === 'wrong') {
        return refuse(deps, input, 'wrong_password', current.accountId)
      }
      newHash = undefined
    }
    current = again
  }
  return fail({ reason: 'rate_limited', retryAfterSeconds: 1 })
}
