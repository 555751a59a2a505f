import { type Role, StaffRole } from '../contract/accounts.ts'
import { AccountId, type SessionId, sessionIdOf, TenantId } from '../contract/ids.ts'
import { sha256Bytes, sha256Hex } from '../core/digest.ts'
import type { Random } from '../core/random.ts'
import { Secret } from '../core/secret.ts'
import type { SessionKeys } from './session-keys.aws.ts'
import { openValue, signValue } from './signed-value.ts'

/** Pure: no I/O, no clock. */

const RANDOM_BYTES = 32
const KNOWN_BROWSER_BYTES = 16

/** What a session token says after its MAC held. Whether the session still lives, only its row knows. */
export interface SessionClaim {
  accountId: AccountId
  tenantId: TenantId | null
  /** The role at sign-in: good for a line in the audit trail, never for a decision. */
  role: Role
  sessionId: SessionId
  tokenHash: string
}

const claimOf = (accountId: AccountId, tenantId: TenantId | null, role: Role, random: string): SessionClaim => ({
  accountId,
  tenantId,
  role,
  sessionId: sessionIdOf(sha256Bytes(random)),
  tokenHash: sha256Hex(random),
})

/** Account and tenant stand in the signed value, so that one read fetches session, account and tenant together. */
export const mintSessionToken = (
  keys: SessionKeys,
  stage: string,
  random: Random,
  owner: { accountId: AccountId; tenantId: TenantId | null; role: Role },
): { token: Secret; claim: SessionClaim } => {
  const { accountId, tenantId, role } = owner
  const value = random.bytes(RANDOM_BYTES).toString('base64url')
  const token = signValue(keys, 'session', stage, `${accountId}.${tenantId ?? role}.${value}`)
  return { token: new Secret(token), claim: claimOf(accountId, tenantId, role, value) }
}

export const openSessionToken = (keys: SessionKeys, stage: string, token: Secret): SessionClaim | null => {
  const [account, owner, random, ...rest] = openValue(keys, 'session', stage, token.reveal())?.split('.') ?? []
  const accountId = AccountId.safeParse(account)
  const tenantId = TenantId.safeParse(owner)
  if (!accountId.success || random === undefined || rest.length > 0) return null
  if (tenantId.success) return claimOf(accountId.data, tenantId.data, 'tenant', random)
  const staffRole = StaffRole.safeParse(owner)
  return staffRole.success ? claimOf(accountId.data, null, staffRole.data, random) : null
}

/** Remembers that this browser has signed in to this address before (OWASP, "device cookies"). It proves nothing else. */
export const mintKnownBrowser = (keys: SessionKeys, stage: string, random: Random, email: string, at: Date): Secret => {
  const browser = random.bytes(KNOWN_BROWSER_BYTES).toString('base64url')
  return new Secret(signValue(keys, 'known-browser', stage, `${sha256Hex(email)}.${browser}.${at.getTime()}`))
}

/** The browser's id when the mark is genuine, for this address and not older than `maxAgeSeconds`; else null. */
export const openKnownBrowser = (
  keys: SessionKeys,
  stage: string,
  mark: Secret | null,
  email: string,
  now: Date,
  maxAgeSeconds: number,
): string | null => {
  const value = mark === null ? null : openValue(keys, 'known-browser', stage, mark.reveal())
  const [address, browser, issuedAt] = value?.split('.') ?? []
  const ageSeconds = (now.getTime() - Number(issuedAt)) / 1000
  return address === sha256Hex(email) && browser !== undefined && ageSeconds <= maxAgeSeconds ? browser : null
}
