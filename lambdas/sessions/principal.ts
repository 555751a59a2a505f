import type { ActorKind } from '../contract/audit.ts'
import type { Role } from '../contract/accounts.ts'
import type { AccountId, SessionId, TenantId } from '../contract/ids.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'

export interface Account {
  accountId: AccountId
  email: string
  role: Role
  tenantId: TenantId | null
  status: 'active' | 'suspended'
  createdAt: Date
  /** Sessions whose sequence is lower have ended. */
  sessionsEndedAt: number
  /** API tokens whose sequence is lower have ended. */
  tokensEndedAt: number
}

export interface Tenant {
  tenantId: TenantId
  name: string
  status: 'active' | 'suspended'
  createdAt: Date
  accountCount: number
  agentCount: number
  /** Sessions and tokens of the whole tenant whose sequence is lower have ended. */
  sessionsEndedAt: number
  keyArn?: string
  /** The keys that were replaced, the oldest first: disks and old versions of secrets may lie under them still. */
  formerKeyArns?: readonly string[]
  keyReplacedAt?: Date
}

export interface Session {
  sessionId: SessionId
  accountId: AccountId
  tokenHash: string
  userAgent: string
  createdAt: Date
  lastSeenAt: Date
  /** Where the sign-in stands in its audit chain: a clock that all containers agree on. */
  sequence: number
}

/** Who is calling, as the store knew it during this very request. */
export interface Principal {
  account: Account
  tenant: Tenant | null
  session: Session | null
}

export const chainOf = ({ account }: Pick<Principal, 'account'>): string => account.tenantId ?? PLATFORM_CHAIN

export const actorOf = ({ account }: Pick<Principal, 'account'>): { kind: ActorKind; id: AccountId } => ({
  kind: account.role,
  id: account.accountId,
})
