import * as z from 'zod'
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
  tenantId: TenantId.optional(),
  tenantName: z.string().optional(),
  createdBy: z.union([AccountId, z.literal('operator')]),
  createdAt: Instant,
  expiresAt: Instant,
  redeemedAt: Instant.optional(),
  /** Absent where the installation sends no mail: the link is then handed over by whoever issued it. */
  mail: z.strictObject({ state: MailState, at: Instant }).optional(),
})

export const IssueInviteInput = z
  .strictObject({
    email: Email,
    role: Role.default('tenant'),
    tenantId: TenantId.optional(),
    tenantName: TenantName.optional(),
    expiresInHours: z.int().min(1).max(INVITE_MAX_HOURS).optional(),
  })
  .refine((input) => input.tenantId === undefined || input.tenantName === undefined, {
    message: 'tenant_id_or_name',
    path: ['tenantName'],
  })
  .refine((input) => input.role === 'tenant' || (input.tenantId ?? input.tenantName) === undefined, {
    message: 'staff_has_no_tenant',
    path: ['role'],
  })

export const IssuedInvite = z.strictObject({ invite: InviteBody, link: z.string() })
export const InviteList = z.strictObject({ invites: z.array(InviteBody), nextCursor: z.string().optional() })

export const InspectInput = z.strictObject({ invite: SecretText })
export const InspectedInvite = z.strictObject({
  state: InviteState,
  email: z.string().optional(),
  role: Role.optional(),
  tenantName: z.string().optional(),
  invitedBy: z.string().optional(),
  expiresAt: Instant.optional(),
})
