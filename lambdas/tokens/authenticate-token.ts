import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import { SESSION_TOUCH_SECONDS } from '../contract/facts.ts'
import type { Clock } from '../core/clock.ts'
import { equalsConstantTime } from '../core/digest.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import { judgeStanding, type SessionRefusal } from '../sessions/authenticate-session.ts'
import type { Principal } from '../sessions/principal.ts'
import { readApiToken } from './api-token.ts'
import type { TokenStore } from './token-store.aws.ts'

export type TokenRefusal = SessionRefusal | { reason: 'token_malformed' | 'token_unknown' | 'token_expired' }

/** Who an API token belongs to, by what the store says now. A text that is no token of ours costs no look-up. */
export const authenticateToken = async (
  deps: { tokens: TokenStore; tenants: TenantStore; clock: Clock },
  secret: Secret,
): Promise<Result<Principal, TokenRefusal>> => {
  const claim = readApiToken(secret)
  if (claim === null) return fail({ reason: 'token_malformed' })
  const { token, account } = await deps.tokens.read(claim)
  if (token === null || account === null) return fail({ reason: 'token_unknown' })
  if (!equalsConstantTime(Buffer.from(token.tokenHash), Buffer.from(claim.tokenHash)))
    return fail({ reason: 'token_unknown' })
  const now = deps.clock.now()
  if (now >= token.expiresAt) return fail({ reason: 'token_expired' })
  const tenant = account.tenantId === null ? null : await deps.tenants.read(account.tenantId)
  const standing = judgeStanding(account, tenant, { sequence: token.sequence, endedAt: account.tokensEndedAt })
  if (standing !== null) return fail({ reason: standing })
  const unusedSeconds = (now.getTime() - (token.lastUsedAt?.getTime() ?? 0)) / 1000
  if (unusedSeconds >= SESSION_TOUCH_SECONDS) await deps.tokens.touch(token, now)
  return ok({ account, tenant, session: null })
}
