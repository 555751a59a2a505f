import type {
  AccountBody,
  ApiTokenBody,
  SessionBody,
  SignedIn,
  StaffBody,
  TenantBody,
  TenantSummary,
} from '../contract/accounts.ts'
import type * as z from 'zod/mini'
import type { AuditEventBody } from '../contract/audit.ts'
import type { InviteBody } from '../contract/invites.ts'
import type { AuditEvent } from '../audit/chain.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import { type Invite, inviteState } from '../invites/invite.ts'
import type { OpenedSession } from '../sessions/open-session.ts'
import type { Account, Session, Tenant } from '../sessions/principal.ts'
import { sessionExpiry } from '../sessions/session-lifetime.ts'
import type { ApiToken } from '../tokens/token-store.aws.ts'

/** Pure: no I/O, no clock. What the API shows of each thing: every field named, so that no other can slip out. */

export const toAccountBody = (
  account: Pick<Account, 'accountId' | 'email' | 'role' | 'createdAt'>,
): z.input<typeof AccountBody> => ({
  id: account.accountId,
  email: account.email,
  role: account.role,
  createdAt: account.createdAt.toISOString(),
})

export const toTenantBody = (tenant: Pick<Tenant, 'tenantId' | 'name' | 'status'>): z.input<typeof TenantBody> => ({
  id: tenant.tenantId,
  name: tenant.name,
  status: tenant.status,
})

export const toSessionBody = (
  session: Omit<Session, 'sequence'>,
  role: Account['role'],
  current: boolean,
): z.input<typeof SessionBody> => ({
  id: session.sessionId,
  createdAt: session.createdAt.toISOString(),
  lastSeenAt: session.lastSeenAt.toISOString(),
  expiresAt: sessionExpiry(role, session.createdAt, session.lastSeenAt).toISOString(),
  userAgent: session.userAgent,
  current,
})

export const toSignedIn = (
  opened: OpenedSession,
  account: Pick<Account, 'accountId' | 'email' | 'role' | 'createdAt'>,
  tenant: Pick<Tenant, 'tenantId' | 'name'> | null,
): z.input<typeof SignedIn> => ({
  account: toAccountBody(account),
  tenant: tenant === null ? null : toTenantBody({ ...tenant, status: 'active' }),
  session: toSessionBody(opened.session, account.role, true),
})

export const toInviteBody = (invite: Invite, now: Date): z.input<typeof InviteBody> => ({
  id: invite.inviteId,
  email: invite.email,
  role: invite.role,
  state: inviteState(invite, now),
  ...(invite.tenantId === null ? {} : { tenantId: invite.tenantId }),
  ...(invite.tenantName === null ? {} : { tenantName: invite.tenantName }),
  createdBy: invite.createdBy,
  createdAt: invite.createdAt.toISOString(),
  expiresAt: invite.expiresAt.toISOString(),
  ...(invite.redeemedAt === undefined ? {} : { redeemedAt: invite.redeemedAt.toISOString() }),
  ...(invite.mail === undefined ? {} : { mail: { state: invite.mail.state, at: invite.mail.at.toISOString() } }),
})

export const toTokenBody = (token: ApiToken): z.input<typeof ApiTokenBody> => ({
  id: token.tokenId,
  name: token.name,
  prefix: token.prefix,
  createdAt: token.createdAt.toISOString(),
  lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
  expiresAt: token.expiresAt.toISOString(),
})

export const toStaffBody = (account: Account): z.input<typeof StaffBody> => ({
  ...toAccountBody(account),
  status: account.status,
})

export const toTenantSummary = (tenant: Tenant): z.input<typeof TenantSummary> => ({
  ...toTenantBody(tenant),
  createdAt: tenant.createdAt.toISOString(),
  accounts: tenant.accountCount,
  agents: tenant.agentCount,
})

export const toAuditBody = (event: AuditEvent): z.input<typeof AuditEventBody> => ({
  id: event.id,
  at: event.at,
  actor: event.actor,
  action: event.action,
  target: event.target,
  detail: event.detail,
  hash: event.hash,
  sequence: event.sequence,
  ...(event.chain === PLATFORM_CHAIN ? {} : { tenantId: event.chain }),
})
