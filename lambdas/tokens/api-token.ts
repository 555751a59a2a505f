import {
  ACCOUNT_ID_BYTES,
  accountIdOf,
  type AccountId,
  type ApiTokenId,
  apiTokenIdOf,
  bytesOfAccountId,
} from '../contract/ids.ts'
import { sha256Bytes } from '../core/digest.ts'
import type { Random } from '../core/random.ts'
import type { Secret } from '../core/secret.ts'
import { formatToken, parseToken } from '../core/token.ts'

/** Pure but for the randomness passed in: no I/O, no clock. Scanners may look for `vst_pat_[A-Za-z0-9_-]{72}`. */

export const API_TOKEN_PREFIX = 'vst_pat_'
const RANDOM_BYTES = 32
const SHOWN_CHARACTERS = API_TOKEN_PREFIX.length + 4

export interface ApiTokenClaim {
  accountId: AccountId
  tokenId: ApiTokenId
  tokenHash: string
}

const claimOf = (accountId: AccountId, bytes: Uint8Array): ApiTokenClaim => {
  const digest = sha256Bytes(bytes)
  return { accountId, tokenId: apiTokenIdOf(digest), tokenHash: digest.toString('hex') }
}

/** 32 random bytes and the account's id, so that the account's own partition answers for the token. */
export const mintApiToken = (
  random: Random,
  accountId: AccountId,
): { token: Secret; prefix: string; claim: ApiTokenClaim } => {
  const bytes = Buffer.concat([random.bytes(RANDOM_BYTES), bytesOfAccountId(accountId)])
  const token = formatToken(API_TOKEN_PREFIX, bytes)
  return { token, prefix: token.reveal().slice(0, SHOWN_CHARACTERS), claim: claimOf(accountId, bytes) }
}

export const readApiToken = (token: Secret): ApiTokenClaim | null => {
  const bytes = parseToken(API_TOKEN_PREFIX, RANDOM_BYTES + ACCOUNT_ID_BYTES, token.reveal())
  const accountId = bytes === null ? null : accountIdOf(bytes.subarray(RANDOM_BYTES))
  return bytes === null || accountId === null ? null : claimOf(accountId, bytes)
}
