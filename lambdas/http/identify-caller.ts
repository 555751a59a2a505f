import { fail, ok, type Result } from '../core/result.ts'
import { Secret } from '../core/secret.ts'
import { authenticateSession } from '../sessions/authenticate-session.ts'
import type { Principal } from '../sessions/principal.ts'
import { API_TOKEN_PREFIX } from '../tokens/api-token.ts'
import { authenticateToken } from '../tokens/authenticate-token.ts'
import { readCookie } from './cookies.ts'
import type { CommonDeps } from './deps.ts'
import type { Refusal } from './errors.ts'

const BEARER = /^Bearer +([!-~]+)$/i

/** The API token of an Authorization header; other schemes are not ours and are left alone. */
export const readBearer = (authorization: string | undefined): Secret | null => {
  const token = BEARER.exec(authorization ?? '')?.[1]
  return token === undefined ? null : new Secret(token)
}

export interface Credentials {
  bearer: Secret | null
  session: Secret | null
}

export const readCredentials = (
  headers: { authorization: string | undefined; cookie: string | undefined },
  sessionCookie: string,
): Result<Credentials, Refusal> => {
  const session = readCookie(headers.cookie, sessionCookie)
  if (!session.ok) {
    return fail({
      code: 'malformed',
      reason: session.failure.reason,
      message: 'The session cookie was sent twice. Clear this site’s cookies and sign in again.',
    })
  }
  return ok({ bearer: readBearer(headers.authorization), session: session.value })
}

/**
 * Who is calling: the API token first, then the session cookie. Both at once must name the same account. Nobody is a value,
 * not an error; a store that cannot answer is thrown and never taken for nobody.
 */
export const identifyCaller = async (
  deps: CommonDeps,
  { bearer, session }: Credentials,
): Promise<Result<Principal | null, Refusal>> => {
  if (bearer === null && session === null) return ok(null)
  if (bearer !== null && !bearer.reveal().startsWith(API_TOKEN_PREFIX))
    return fail({ code: 'unauthenticated', reason: 'bearer_unknown' })
  const [byToken, bySession] = await Promise.all([
    bearer === null ? null : authenticateToken(deps, bearer),
    session === null ? null : authenticateSession(deps, session),
  ])
  if (byToken !== null && !byToken.ok) return fail({ code: 'unauthenticated', reason: byToken.failure.reason })
  if (byToken === null) {
    if (bySession === null || !bySession.ok)
      return fail({ code: 'unauthenticated', reason: bySession?.failure.reason ?? 'session_unknown' })
    return ok(bySession.value)
  }
  if (bySession?.ok === true && bySession.value.account.accountId !== byToken.value.account.accountId) {
    return fail({
      code: 'malformed',
      reason: 'two_accounts',
      message: 'The API token and the session cookie belong to different accounts. Send only one of them.',
    })
  }
  return ok(byToken.value)
}
