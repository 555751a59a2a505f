import * as z from 'zod/mini'
import { Role } from './accounts.ts'
import { INVITE_MAX_HOURS } from './facts.ts'
import { AccountId, InviteId, TenantId } from './ids.ts'
import { MailState } from './mail.ts'
import { Email, Instant, SecretText, TenantName } from './text.ts'

export const InviteState = z.enum(['pending', 'redeemed', 'revoked', 'expired'])
export type InviteState = z.infer<typeof InviteState>

export const InviteBody = z.strictObject({
  id: InviteId,
  email: z.string(),
  role: Role,
  state: InviteState,
  tenantId: z.optional(TenantId),
  tenantName: z.optional(z.string()),
  createdBy: z.union([AccountId, z.literal('operator')]),
  createdAt: Instant,
  expiresAt: Instant,
  redeemedAt: z.optional(Instant),
  /** Absent where the installation sends no mail: the link is then handed over by whoever issued it. */
  mail: z.optional(z.strictObject({ state: MailState, at: Instant })),
})

export const IssueInviteInput = z
  .strictObject({
    email: Email,
    role: z._default(Role, 'tenant'),
    tenantId: z.optional(TenantId),
    tenantName: z.optional(TenantName),
    expiresInHours: z.optional(z.int().check(z.minimum(1), z.maximum(INVITE_MAX_HOURS))),
  })
  .check(
    z.refine((input) => input.tenantId === undefined || input.tenantName === undefined, {
      message: 'tenant_id_or_name',
      path: ['tenantName'],
    }),
    z.refine((input) => input.role === 'tenant' || (input.tenantId ?? input.tenantName) === undefined, {
      message: 'staff_has_no_tenant',
      path: ['role'],
    }),
  )

export const IssuedInvite = z.strictObject({ invite: InviteBody, link: z.string() })
export const InviteList = z.strictObject({ invites: z.array(InviteBody), nextCursor: z.optional(z.string()) })

export const InspectInput = z.strictObject({ invite: SecretText })
export const InspectedInvite = z.strictObject({
  state: InviteState,
  email: z.optional(z.string()),
  role: z.optional(Role),
  tenantName: z.optional(z.string()),
  invitedBy: z.optional(z.string()),
  expiresAt: z.optional(Instant),
})
