import type { SignInDeps } from '../accounts/sign-in.ts'
import { judgePassword, type PasswordRule } from '../accounts/password-policy.ts'
import type { TransactStep } from '../aws/transact.aws.ts'
import { newAccountId } from '../contract/ids.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import type { RateLimited } from '../limits/limiter.aws.ts'
import { type OpenedSession, openSession } from '../sessions/open-session.ts'
import type { Account, Tenant } from '../sessions/principal.ts'
import { findInvite } from './inspect-invite.ts'
import { type Invite, inviteState } from './invite.ts'
import type { InviteStore } from './invite-store.aws.ts'

export type RedeemDeps = SignInDeps & { invites: InviteStore }

export interface RedeemInput {
  code: Secret
  email: string
  password: Secret
  clientBucket: string
  userAgent: string
  requestId: string
}

/** Why an invite did not do; told to the log and to nobody else. */
export type InviteRefusal =
  | 'invite_unknown'
  | 'invite_expired'
  | 'invite_revoked'
  | 'invite_redeemed'
  | 'email_differs'
  | 'account_exists'
  | 'tenant_not_active'
  | 'invite_moved'

export type RedeemFailure =
  | RateLimited
  | { reason: 'invite_refused'; because: InviteRefusal }
  | { reason: 'weak_password'; rule: PasswordRule }

export interface Redeemed extends OpenedSession {
  account: Account
  tenant: Pick<Tenant, 'tenantId' | 'name'> | null
}

const judgeInvite = (invite: Invite | null, email: string, now: Date): InviteRefusal | null => {
  if (invite === null) return 'invite_unknown'
  const state = inviteState(invite, now)
  if (state !== 'pending') return `invite_${state}`
  return invite.email === email ? null : 'email_differs'
}

const refuse = async (deps: RedeemDeps, input: RedeemInput, invite: Invite | null, because: InviteRefusal) => {
  await deps.audit.record(PLATFORM_CHAIN, {
    actor: { kind: 'stranger', id: 'unknown' },
    action: 'invite.refused',
    target: invite?.inviteId ?? 'unknown',
    detail: { requestId: input.requestId, because },
  })
  return fail({ reason: 'invite_refused' as const, because })
}

const tenantStep = (deps: RedeemDeps, invite: Invite, now: Date): TransactStep<InviteRefusal>[] => {
  if (invite.tenantId === null) return []
  if (!invite.opensTenant) return [{ refusal: 'tenant_not_active', action: deps.tenants.joinStep(invite.tenantId) }]
  const tenant: Tenant = {
    tenantId: invite.tenantId,
    name: invite.tenantName ?? invite.email,
    status: 'active',
    createdAt: now,
    accountCount: 1,
    agentCount: 0,
    sessionsEndedAt: 0,
  }
  return [{ refusal: 'tenant_not_active', action: deps.tenants.createStep(tenant) }]
}

/**
 * Turns an invite into an account, its tenant and a session, in one transaction: all or nothing, once. The password is
 * hashed only after the invite looked good, and the transaction checks the invite again.
 */
export const redeemInvite = async (deps: RedeemDeps, input: RedeemInput): Promise<Result<Redeemed, RedeemFailure>> => {
  const [taken, invite] = await Promise.all([
    deps.limiter.take('signup', input.clientBucket),
    findInvite(deps.invites, input.code),
  ])
  if (!taken.ok) return taken
  const now = deps.clock.now()
  const because = judgeInvite(invite, input.email, now)
  if (invite === null || because !== null) return refuse(deps, input, invite, because ?? 'invite_unknown')
  const weak = judgePassword(input.password, invite.email, invite.tenantName === null ? [] : [invite.tenantName])
  if (weak !== null) return fail({ reason: 'weak_password', rule: weak })

  const passwordHash = await deps.passwords.hash(input.password)
  const keys = await deps.sessionKeys()
  const account: Account = {
    accountId: newAccountId(now, deps.random),
    email: invite.email,
    role: invite.role,
    tenantId: invite.tenantId,
    status: 'active',
    createdAt: now,
    sessionsEndedAt: 0,
    tokensEndedAt: 0,
  }
  const opened = openSession({ keys, stage: deps.stage, random: deps.random }, account, input.userAgent, now)
  const { sessionId } = opened.session
  const committed = await deps.audit.commit<InviteRefusal>({
    chain: invite.tenantId ?? PLATFORM_CHAIN,
    startsChain: invite.opensTenant,
    event: {
      actor: { kind: invite.role, id: account.accountId },
      action: 'invite.redeemed',
      target: invite.inviteId,
      detail: { requestId: input.requestId, role: invite.role },
    },
    steps: (sequence) => {
      const steps: TransactStep<InviteRefusal>[] = [
        { refusal: 'invite_moved', action: deps.invites.redeemStep(invite, account.accountId, deps.clock.now()) },
        { refusal: 'invite_moved', action: deps.invites.releaseAddressStep(invite) },
        { refusal: 'invite_moved', action: deps.sessions.putStep({ ...opened.session, sequence }, account.role) },
        ...tenantStep(deps, invite, now),
      ]
      for (const action of deps.accounts.createSteps(account, invite.tenantName, passwordHash, sessionId)) {
        steps.push({ refusal: 'account_exists', action })
      }
      if (account.role === 'admin') steps.push({ refusal: 'invite_moved', action: deps.accounts.countAdminsStep(1) })
      return steps
    },
  })
  if (!committed.ok) return refuse(deps, input, invite, committed.failure.reason)
  const tenant =
    invite.tenantId === null ? null : { tenantId: invite.tenantId, name: invite.tenantName ?? invite.email }
  return ok({ ...opened, account, tenant })
}
