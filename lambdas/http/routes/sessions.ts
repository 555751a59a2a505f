import { fail, ok } from '../../core/result.ts'
import { endOtherSessions, endSession, logOut } from '../../sessions/end-session.ts'
import { listSessions } from '../../sessions/list-sessions.ts'
import { createToken, listTokens, revokeToken } from '../../tokens/manage-tokens.ts'
import { toSessionBody, toTokenBody } from '../bodies.ts'
import type { CommonDeps } from '../deps.ts'
import type { Endpoints } from '../endpoint.ts'
import type { Platform } from '../request.ts'
import { clearedCookie } from './accounts.ts'

/** Where an account is signed in, and its API tokens. */
export const sessionRoutes = (route: Endpoints, deps: CommonDeps, platform: Platform): void => {
  route('POST /api/logout', async ({ sessionToken, requestId }) => {
    if (sessionToken === null) return fail({ code: 'unauthenticated', reason: 'nobody' })
    const ended = await logOut(deps, { token: sessionToken, requestId })
    return ended.ok
      ? ok({ cookies: [clearedCookie(platform)] })
      : fail({ code: 'unauthenticated', reason: ended.failure.reason })
  })

  route('GET /api/sessions', async ({ principal }) => {
    const sessions = await listSessions(deps, principal)
    const currentId = principal.session?.sessionId
    return ok({
      body: {
        sessions: sessions.map((session) =>
          toSessionBody(session, principal.account.role, session.sessionId === currentId),
        ),
      },
    })
  })

  route('DELETE /api/sessions/{id}', async ({ principal, params, requestId }) => {
    const ended = await endSession(deps, { principal, sessionId: params.id, requestId })
    return ended.ok ? ok({}) : ended
  })

  route('DELETE /api/sessions', async ({ principal, requestId }) => {
    const ended = await endOtherSessions(deps, { principal, requestId })
    return ended.ok ? ok({}) : ended
  })

  route('GET /api/tokens', async ({ principal }) =>
    ok({ body: { tokens: (await listTokens(deps, principal)).map(toTokenBody) } }),
  )

  route('POST /api/tokens', async ({ principal, body, requestId }) => {
    const created = await createToken(deps, { principal, ...body, requestId })
    if (!created.ok) return created
    return ok({ body: { token: toTokenBody(created.value.token), secret: created.value.secret.reveal() } })
  })

  route('DELETE /api/tokens/{id}', async ({ principal, params, requestId }) => {
    const revoked = await revokeToken(deps, { principal, tokenId: params.id, requestId })
    return revoked.ok ? ok({}) : revoked
  })
}
