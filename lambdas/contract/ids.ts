import * as z from 'zod/mini'
import { fromBase32, type Random, sortableId, toBase32 } from '../core/random.ts'

const ID_BODY = '[0-9a-hjkmnp-tv-z]{26}'

const idSchema = (prefix: string) => z.string().check(z.regex(new RegExp(`^${prefix}_${ID_BODY}$`)))

export const AccountId = idSchema('acc').brand<'AccountId'>()
export type AccountId = z.infer<typeof AccountId>

export const TenantId = idSchema('ten').brand<'TenantId'>()
export type TenantId = z.infer<typeof TenantId>

export const InviteId = idSchema('inv').brand<'InviteId'>()
export type InviteId = z.infer<typeof InviteId>

export const AgentId = idSchema('agt').brand<'AgentId'>()
export type AgentId = z.infer<typeof AgentId>

export const SessionId = idSchema('ses').brand<'SessionId'>()
export type SessionId = z.infer<typeof SessionId>

export const ApiTokenId = idSchema('tok').brand<'ApiTokenId'>()
export type ApiTokenId = z.infer<typeof ApiTokenId>

export const EventId = idSchema('evt').brand<'EventId'>()
export type EventId = z.infer<typeof EventId>

export const ProvisionRequestId = idSchema('req').brand<'ProvisionRequestId'>()
export type ProvisionRequestId = z.infer<typeof ProvisionRequestId>

export const newAccountId = (at: Date, random: Random) => AccountId.parse(`acc_${sortableId(at, random)}`)
export const newTenantId = (at: Date, random: Random) => TenantId.parse(`ten_${sortableId(at, random)}`)
export const newAgentId = (at: Date, random: Random) => AgentId.parse(`agt_${sortableId(at, random)}`)
export const newEventId = (at: Date, random: Random) => EventId.parse(`evt_${sortableId(at, random)}`)
export const newProvisionRequestId = (at: Date, random: Random) =>
  ProvisionRequestId.parse(`req_${sortableId(at, random)}`)

/** An invite's id is the public half of its code, spelled in base32; 16 bytes. */
export const inviteIdOf = (lookup: Uint8Array) => InviteId.parse(`inv_${toBase32(lookup)}`)
export const lookupOfInviteId = (inviteId: InviteId): Buffer => fromBase32(inviteId.slice(4))

/** The public id of a secret that we keep only as a digest: its first 16 bytes. */
export const sessionIdOf = (digest: Uint8Array) => SessionId.parse(`ses_${toBase32(digest.subarray(0, 16))}`)
export const apiTokenIdOf = (digest: Uint8Array) => ApiTokenId.parse(`tok_${toBase32(digest.subarray(0, 16))}`)

/** The 26 characters inside an account id, as the bytes that a token carries. */
export const ACCOUNT_ID_BYTES = 17
export const bytesOfAccountId = (accountId: AccountId): Buffer => {
  const bytes = Buffer.alloc(ACCOUNT_ID_BYTES)
  fromBase32(`${accountId.slice(4)}00`).copy(bytes)
  return bytes
}
export const accountIdOf = (bytes: Uint8Array): AccountId | null =>
  AccountId.safeParse(`acc_${toBase32(bytes).slice(0, 26)}`).data ?? null
