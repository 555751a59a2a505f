import { ok } from '../../core/result.ts'
import { issueInvite } from '../../invites/issue-invite.ts'
import { resendInvite } from '../../invites/resend-invite.ts'
import { revokeInvite } from '../../invites/revoke-invite.ts'
import { actorOf } from '../../sessions/principal.ts'
import { toInviteBody } from '../bodies.ts'
import type { IdentityDeps } from '../deps.ts'
import type { Endpoints } from '../endpoint.ts'

/** What admins do with invites. */
export const inviteRoutes = (route: Endpoints, deps: IdentityDeps): void => {
  route('POST /api/admin/invites', async ({ principal, body, requestId }) => {
    const issued = await issueInvite(deps, { principal, ...body, requestId })
    if (!issued.ok) return issued
    return ok({ body: { invite: toInviteBody(issued.value.invite, deps.clock.now()), link: issued.value.link } })
  })

  route('GET /api/admin/invites', async ({ query }) => {
    const now = deps.clock.now()
    const { items, nextCursor } = await deps.invites.list(query, query.state, now)
    return ok({ body: { invites: items.map((invite) => toInviteBody(invite, now)), nextCursor } })
  })

  route('POST /api/admin/invites/{id}/resend', async ({ principal, params, requestId }) => {
    const resent = await resendInvite(deps, { actor: actorOf(principal), inviteId: params.id, requestId })
    if (!resent.ok) return resent
    return ok({ body: { invite: toInviteBody(resent.value.invite, deps.clock.now()), link: resent.value.link } })
  })

  route('DELETE /api/admin/invites/{id}', async ({ principal, params, requestId }) => {
    const revoked = await revokeInvite(deps, { principal, inviteId: params.id, requestId })
    return revoked.ok ? ok({}) : revoked
  })
}
