import * as z from 'zod/mini'
import { Role } from '../contract/accounts.ts'
import { AccountId, SessionId, TenantId } from '../contract/ids.ts'
import { StoredInstant } from '../contract/text.ts'
import type { Account, Session, Tenant } from './principal.ts'

/** How rows of the directory table become values again. A row that does not fit is a fault, not a stranger's input. */

const status = z.enum(['active', 'suspended'])

export const StoredAccount: z.ZodMiniType<Account> = z.object({
  accountId: AccountId,
  email: z.string(),
  role: Role,
  tenantId: z.nullable(TenantId),
  status,
  createdAt: StoredInstant,
  sessionsEndedAt: z.number(),
  tokensEndedAt: z.number(),
})

export const StoredTenant: z.ZodMiniType<Tenant> = z.object({
  tenantId: TenantId,
  name: z.string(),
  status,
  createdAt: StoredInstant,
  accountCount: z.number(),
  agentCount: z.number(),
  sessionsEndedAt: z.number(),
  keyArn: z.optional(z.string()),
  formerKeyArns: z.optional(z.array(z.string())),
  keyReplacedAt: z.optional(StoredInstant),
})

export const StoredSession: z.ZodMiniType<Session> = z.object({
  sessionId: SessionId,
  accountId: AccountId,
  tokenHash: z.string(),
  userAgent: z.string(),
  createdAt: StoredInstant,
  lastSeenAt: StoredInstant,
  sequence: z.number(),
})
