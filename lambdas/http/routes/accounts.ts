import { changePassword } from '../../accounts/change-password.ts'
import { changeStaff } from '../../accounts/change-staff.ts'
import { signIn } from '../../accounts/sign-in.ts'
import { KNOWN_BROWSER_SECONDS, SESSION_LIFETIMES } from '../../contract/facts.ts'
import { fail, ok } from '../../core/result.ts'
import { Secret } from '../../core/secret.ts'
import { inspectInvite } from '../../invites/inspect-invite.ts'
import { redeemInvite } from '../../invites/redeem-invite.ts'
import type { OpenedSession } from '../../sessions/open-session.ts'
import { toAccountBody, toSessionBody, toSignedIn, toStaffBody, toTenantBody, toTenantSummary } from '../bodies.ts'
import { formatCookie, readCookie } from '../cookies.ts'
import type { IdentityDeps } from '../deps.ts'
import type { Endpoints } from '../endpoint.ts'
import type { Platform } from '../request.ts'

const sessionCookies = ({ cookies }: Platform, opened: OpenedSession): string[] => [
  formatCookie(cookies.session, opened.token, {
    secure: cookies.secure,
    maxAgeSeconds: SESSION_LIFETIMES.tenant.absoluteSeconds,
  }),
  formatCookie(cookies.knownBrowser, opened.knownBrowser, {
    secure: cookies.secure,
    maxAgeSeconds: KNOWN_BROWSER_SECONDS,
  }),
]

/** Joining, signing in, and what an account may change about itself and admins about staff. */
export const accountRoutes = (route: Endpoints, deps: IdentityDeps, platform: Platform): void => {
  route('POST /api/invites/inspect', async ({ body, clientBucket }) => {
    const inspected = await inspectInvite(deps, { code: body.invite, clientBucket })
    if (!inspected.ok) return inspected
    const { state, invite } = inspected.value
    if (state !== 'pending') return ok({ body: { state } })
    return ok({
      body: {
        state,
        email: invite.email,
        role: invite.role,
        ...(invite.tenantName === null ? {} : { tenantName: invite.tenantName }),
        invitedBy: invite.invitedBy,
        expiresAt: invite.expiresAt.toISOString(),
      },
    })
  })

  route('POST /api/signup', async ({ body, clientBucket, userAgent, requestId }) => {
    const redeemed = await redeemInvite(deps, {
      code: body.invite,
      email: body.email,
      password: body.password,
      ...{ clientBucket, userAgent, requestId },
    })
    if (!redeemed.ok) return redeemed
    const { account, tenant } = redeemed.value
    return ok({ body: toSignedIn(redeemed.value, account, tenant), cookies: sessionCookies(platform, redeemed.value) })
  })

  route('POST /api/login', async ({ body, clientBucket, userAgent, requestId, header }) => {
    const known = readCookie(header('cookie'), platform.cookies.knownBrowser)
    const signedIn = await signIn(deps, {
      email: body.email,
      password: body.password,
      knownBrowser: known.ok ? known.value : null,
      ...{ clientBucket, userAgent, requestId },
    })
    if (!signedIn.ok) return signedIn
    const { signIn: account } = signedIn.value
    const tenant = account.tenantId === null ? null : { tenantId: account.tenantId, name: account.tenantName ?? '' }
    return ok({ body: toSignedIn(signedIn.value, account, tenant), cookies: sessionCookies(platform, signedIn.value) })
  })

  route('GET /api/session', async ({ principal }) =>
    ok({
      body: {
        account: principal === null ? null : toAccountBody(principal.account),
        tenant: principal?.tenant == null ? null : toTenantBody(principal.tenant),
        session: principal?.session == null ? null : toSessionBody(principal.session, principal.account.role, true),
      },
    }),
  )

  route('POST /api/password', async ({ principal, body, requestId }) => {
    const changed = await changePassword(deps, { principal, ...body, requestId })
    if (!changed.ok) return changed
    return ok({ cookies: changed.value === null ? [] : sessionCookies(platform, changed.value) })
  })

  route('GET /api/admin/accounts', async ({ query }) => {
    const { items, nextCursor } = await deps.accounts.listStaff(query)
    return ok({ body: { accounts: items.map(toStaffBody), nextCursor } })
  })

  route('PATCH /api/admin/accounts/{id}', async ({ principal, params, body, requestId }) => {
    const changed = await changeStaff(deps, { principal, accountId: params.id, ...body, requestId })
    return changed.ok ? ok({ body: { account: toStaffBody(changed.value) } }) : fail(changed.failure)
  })

  route('GET /api/admin/tenants', async ({ query }) => {
    const { items, nextCursor } = await deps.tenants.list(query)
    return ok({ body: { tenants: items.map(toTenantSummary), nextCursor } })
  })
}

/** Tells the browser to forget a session that has just ended. */
export const clearedCookie = ({ cookies }: Platform): string =>
  formatCookie(cookies.session, new Secret(''), { secure: cookies.secure, maxAgeSeconds: 0 })
