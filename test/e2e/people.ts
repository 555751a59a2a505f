import type { BrowserContext } from 'playwright-core'
import { type Browser as Caller, createBrowser, must } from '../support/browser.ts'
import { codeOf, PASSWORD } from '../support/harness.ts'
import type { RunningProduct } from '../support/running-product.ts'

const signUp = async (product: RunningProduct, link: string, email: string): Promise<Caller> => {
  const caller = createBrowser({ fetch: (request: Request) => fetch(request) }, { origin: product.url })
  must(await caller.post('/api/signup', { invite: codeOf(link), email, password: PASSWORD }), 201, 'sign-up')
  return caller
}

/** The first admin of a running product, who calls its API without any page. */
export const joinAsAdmin = (product: RunningProduct): Promise<Caller> =>
  signUp(product, product.adminInviteLink, 'admin@example.com')

/** The link of an invite to a new tenant. */
export const inviteTenant = async (admin: Caller, email: string, tenantName = email): Promise<string> =>
  must(await admin.post('/api/admin/invites', { email, tenantName }), 201, 'invite').link

/** Somebody of a new tenant, who calls the API without any page. */
export const joinAsTenant = async (product: RunningProduct, admin: Caller, email: string): Promise<Caller> =>
  signUp(product, await inviteTenant(admin, email), email)

/** Lets a window of the browser be signed in as who calls the API already. */
export const signInAs = (context: BrowserContext, caller: Caller, url: string): Promise<void> =>
  context.addCookies(
    [...caller.cookies].map(([name, value]) => ({ name, value, url, httpOnly: true, sameSite: 'Lax' })),
  )
