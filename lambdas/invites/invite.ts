import type { Role } from '../contract/accounts.ts'
import { type AccountId, type InviteId, inviteIdOf, lookupOfInviteId, type TenantId } from '../contract/ids.ts'
import type { InviteState } from '../contract/invites.ts'
import type { MailState } from '../contract/mail.ts'
import { sha256Hex } from '../core/digest.ts'
import type { Random } from '../core/random.ts'
import type { Secret } from '../core/secret.ts'
import { formatToken, parseToken } from '../core/token.ts'

/** Pure but for the randomness passed in: no I/O, no clock. */

const CODE_PREFIX = 'vst_inv_'
const LOOKUP_BYTES = 16
const SECRET_BYTES = 16

/** `pending` covers expired ones too: expiry is a matter of time, not of a write. */
export type StoredInviteState = Exclude<InviteState, 'expired'>

export interface Invite {
  inviteId: InviteId
  codeHash: string
  email: string
  role: Role
  state: StoredInviteState
  tenantId: TenantId | null
  tenantName: string | null
  /** True when redeeming it creates the tenant. */
  opensTenant: boolean
  createdBy: AccountId | 'operator'
  invitedBy: string
  validForHours: number
  createdAt: Date
  expiresAt: Date
  redeemedAt?: Date
  /** What became of its mail; absent when none was sent. */
  mail?: { state: MailState; at: Date }
}

/**
 * An invite code is 32 random bytes: 16 that find the invite and are its id, 16 that are the secret. Both halves enter the
 * stored hash; a resend changes only the secret half.
 */
export const mintInviteCode = (
  random: Random,
  inviteId?: InviteId,
): { code: Secret; codeHash: string; inviteId: InviteId } => {
  const lookup = inviteId === undefined ? random.bytes(LOOKUP_BYTES) : lookupOfInviteId(inviteId)
  const bytes = Buffer.concat([lookup, random.bytes(SECRET_BYTES)])
  return { code: formatToken(CODE_PREFIX, bytes), codeHash: sha256Hex(bytes), inviteId: inviteIdOf(lookup) }
}

/** A text that is no code at all still yields an id to look up, so that it costs what a wrong code costs. */
export const readInviteCode = (code: Secret): { inviteId: InviteId; codeHash: string } => {
  const bytes = parseToken(CODE_PREFIX, LOOKUP_BYTES + SECRET_BYTES, code.reveal())
  const lookup = bytes?.subarray(0, LOOKUP_BYTES) ?? Buffer.alloc(LOOKUP_BYTES)
  return { inviteId: inviteIdOf(lookup), codeHash: bytes === null ? 'no code' : sha256Hex(bytes) }
}

export const inviteState = (invite: Pick<Invite, 'state' | 'expiresAt'>, now: Date): InviteState =>
  invite.state === 'pending' && now >= invite.expiresAt ? 'expired' : invite.state

/** The link stands on the configured site, never on what a request said its host was; the code is in the fragment. */
export const inviteLink = (siteOrigin: string, code: Secret): string => `${siteOrigin}/join#${code.reveal()}`
