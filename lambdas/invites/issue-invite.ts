import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import type { Role } from '../contract/accounts.ts'
import { INVITE_DEFAULT_HOURS } from '../contract/facts.ts'
import { newTenantId, type TenantId } from '../contract/ids.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import { addSeconds, type Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Limiter, RateLimited } from '../limits/limiter.aws.ts'
import { actorOf, type Principal } from '../sessions/principal.ts'
import { type Invite, inviteLink, mintInviteCode } from './invite.ts'
import type { InviteStore } from './invite-store.aws.ts'
import type { PostInviteMail } from './post-invite-mail.ts'

export interface IssueInviteDeps {
  invites: InviteStore
  tenants: TenantStore
  limiter: Limiter
  audit: AuditTrail
  clock: Clock
  random: Random
  siteOrigin: string
  /** Null where no sender is set up: links are then copied by hand. */
  postMail: PostInviteMail | null
}

export type IssueInviteFailure =
  | RateLimited
  | { reason: 'invite_pending' }
  | { reason: 'tenant_unknown' }
  | { reason: 'tenant_suspended' }

export interface IssuedInvite {
  invite: Invite
  link: string
}

const HOUR_SECONDS = 3600

type TenantChoice = Pick<Invite, 'tenantId' | 'tenantName' | 'opensTenant'>

const chooseTenant = async (
  deps: IssueInviteDeps,
  input: { email: string; role: Role; tenantId?: TenantId; tenantName?: string },
): Promise<Result<TenantChoice, IssueInviteFailure>> => {
  if (input.role !== 'tenant') return ok({ tenantId: null, tenantName: null, opensTenant: false })
  if (input.tenantId === undefined) {
    const tenantId = newTenantId(deps.clock.now(), deps.random)
    return ok({ tenantId, tenantName: input.tenantName ?? input.email, opensTenant: true })
  }
  const tenant = await deps.tenants.read(input.tenantId)
  if (tenant === null) return fail({ reason: 'tenant_unknown' })
  if (tenant.status !== 'active') return fail({ reason: 'tenant_suspended' })
  return ok({ tenantId: tenant.tenantId, tenantName: tenant.name, opensTenant: false })
}

/** Invites one address: one pending invite per address, its code stored only as a hash, its link returned only here. */
export const issueInvite = async (
  deps: IssueInviteDeps,
  input: {
    principal: Principal
    email: string
    role: Role
    tenantId?: TenantId
    tenantName?: string
    expiresInHours?: number
    requestId: string
  },
): Promise<Result<IssuedInvite, IssueInviteFailure>> => {
  const { principal, email, role } = input
  const taken = await deps.limiter.take('issue', principal.account.accountId)
  if (!taken.ok) return taken
  const choice = await chooseTenant(deps, input)
  if (!choice.ok) return choice
  const now = deps.clock.now()
  const validForHours = input.expiresInHours ?? INVITE_DEFAULT_HOURS
  const { code, codeHash, inviteId } = mintInviteCode(deps.random)
  const invite: Invite = {
    ...choice.value,
    ...{ inviteId, codeHash, email, role, validForHours },
    state: 'pending',
    createdBy: principal.account.accountId,
    invitedBy: principal.account.email,
    createdAt: now,
    expiresAt: addSeconds(now, validForHours * HOUR_SECONDS),
    ...(deps.postMail === null ? {} : { mail: { state: 'queued', at: now } }),
  }
  const link = inviteLink(deps.siteOrigin, code)
  const mail = await deps.postMail?.(invite, link, now)
  const committed = await deps.audit.commit<'invite_pending'>({
    chain: PLATFORM_CHAIN,
    event: {
      actor: actorOf(principal),
      action: 'invite.issued',
      target: inviteId,
      detail: { requestId: input.requestId, role, ...(invite.tenantId === null ? {} : { tenantId: invite.tenantId }) },
    },
    steps: () => [
      { refusal: 'invite_pending', action: deps.invites.claimAddressStep(invite, now) },
      { refusal: 'invite_pending', action: deps.invites.putStep(invite) },
      ...(mail === undefined ? [] : [{ refusal: 'invite_pending', action: mail } as const]),
    ],
  })
  if (!committed.ok) return committed
  return ok({ invite, link })
}
