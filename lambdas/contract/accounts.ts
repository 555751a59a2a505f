import * as z from 'zod/mini'
import { AccountId, ApiTokenId, SessionId, TenantId } from './ids.ts'
import { API_TOKEN_MAX_DAYS } from './facts.ts'
import { Email, Instant, PasswordText, SecretText, TokenName } from './text.ts'

export const StaffRole = z.enum(['support', 'admin'])
export const Role = z.enum(['tenant', ...StaffRole.options])
export type Role = z.infer<typeof Role>

export const AccountBody = z.strictObject({ id: AccountId, email: z.string(), role: Role, createdAt: Instant })
export const TenantBody = z.strictObject({ id: TenantId, name: z.string(), status: z.enum(['active', 'suspended']) })
export const SessionBody = z.strictObject({
  id: SessionId,
  createdAt: Instant,
  lastSeenAt: Instant,
  expiresAt: Instant,
  userAgent: z.string(),
  current: z.boolean(),
})

export const SignedIn = z.strictObject({ account: AccountBody, tenant: z.nullable(TenantBody), session: SessionBody })
export const WhoAmI = z.strictObject({
  account: z.nullable(AccountBody),
  tenant: z.nullable(TenantBody),
  session: z.nullable(SessionBody),
})

export const SignUpInput = z.strictObject({ invite: SecretText, email: Email, password: PasswordText })
export const LoginInput = z.strictObject({ email: Email, password: PasswordText })
export const ChangePasswordInput = z.strictObject({ currentPassword: PasswordText, newPassword: PasswordText })

export const SessionList = z.strictObject({ sessions: z.array(SessionBody) })

export const ApiTokenBody = z.strictObject({
  id: ApiTokenId,
  name: z.string(),
  prefix: z.string(),
  createdAt: Instant,
  lastUsedAt: z.nullable(Instant),
  expiresAt: Instant,
})
export const ApiTokenList = z.strictObject({ tokens: z.array(ApiTokenBody) })
export const CreateTokenInput = z.strictObject({
  name: TokenName,
  expiresInDays: z.optional(z.int().check(z.minimum(1), z.maximum(API_TOKEN_MAX_DAYS))),
})
export const CreatedToken = z.strictObject({ token: ApiTokenBody, secret: z.string() })

export const StaffBody = z.strictObject({
  id: AccountId,
  email: z.string(),
  role: Role,
  status: z.enum(['active', 'suspended']),
  createdAt: Instant,
})
export const StaffList = z.strictObject({ accounts: z.array(StaffBody), nextCursor: z.optional(z.string()) })
export const StaffAnswer = z.strictObject({ account: StaffBody })
export const ChangeStaffInput = z
  .strictObject({ role: z.optional(StaffRole), status: z.optional(z.enum(['active', 'suspended'])) })
  .check(z.refine((input) => input.role !== undefined || input.status !== undefined, { message: 'nothing_to_change' }))

export const TenantSummary = z.strictObject({
  id: TenantId,
  name: z.string(),
  status: z.enum(['active', 'suspended']),
  createdAt: Instant,
  accounts: z.int(),
  agents: z.int(),
})
export const TenantList = z.strictObject({ tenants: z.array(TenantSummary), nextCursor: z.optional(z.string()) })
export const TenantAnswer = z.strictObject({ tenant: TenantSummary })
