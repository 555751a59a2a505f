import * as z from 'zod'
import { Role } from '../contract/accounts.ts'
import { AccountId, SessionId, TenantId } from '../contract/ids.ts'
import type { Account, Session, Tenant } from './principal.ts'

/** How rows of the directory table become values again. A row that does not fit is a fault, not a stranger's input. */

const instant = z.iso.datetime().transform((text) => new Date(text))
const status = z.enum(['active', 'suspended'])

export const StoredAccount: z.ZodType<Account> = z.object({
  accountId: AccountId,
  email: z.string(),
  role: Role,
  tenantId: TenantId.nullable(),
  status,
  createdAt: instant,
  sessionsEndedAt: z.number(),
  tokensEndedAt: z.number(),
})

export const StoredTenant: z.ZodType<Tenant> = z.object({
  tenantId: TenantId,
  name: z.string(),
  status,
  createdAt: instant,
  accountCount: z.number(),
  agentCount: z.number(),
  sessionsEndedAt: z.number(),
  keyArn: z.string().optional(),
})

export const StoredSession: z.ZodType<Session> = z.object({
  sessionId: SessionId,
  accountId: AccountId,
  tokenHash: z.string(),
  userAgent: z.string(),
  createdAt: instant,
  lastSeenAt: instant,
  sequence: z.number(),
})
