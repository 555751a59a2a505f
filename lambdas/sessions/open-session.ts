import type { Role } from '../contract/accounts.ts'
import type { AccountId, TenantId } from '../contract/ids.ts'
import type { Random } from '../core/random.ts'
import type { Secret } from '../core/secret.ts'
import type { Session } from './principal.ts'
import type { SessionKeys } from './session-keys.aws.ts'
import { mintKnownBrowser, mintSessionToken } from './session-token.ts'

const USER_AGENT_MAX_CHARACTERS = 200

/** What a browser is given after a good sign-in: its session, and the mark that it is known to this address. */
export interface OpenedSession {
  session: Omit<Session, 'sequence'>
  token: Secret
  knownBrowser: Secret
}

/** Makes a new session; its row is stored by the transaction of the sign-in, with that event's sequence. */
export const openSession = (
  { keys, stage, random }: { keys: SessionKeys; stage: string; random: Random },
  owner: { accountId: AccountId; tenantId: TenantId | null; role: Role; email: string },
  userAgent: string,
  now: Date,
): OpenedSession => {
  const { token, claim } = mintSessionToken(keys, stage, random, owner)
  return {
    token,
    knownBrowser: mintKnownBrowser(keys, stage, random, owner.email, now),
    session: {
      sessionId: claim.sessionId,
      accountId: owner.accountId,
      tokenHash: claim.tokenHash,
      userAgent: userAgent.replace(/[^\x20-\x7e]/g, '').slice(0, USER_AGENT_MAX_CHARACTERS),
      createdAt: now,
      lastSeenAt: now,
    },
  }
}
