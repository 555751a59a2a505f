/** Pure: no I/O, no clock. */

export interface OriginFacts {
  origin: string | undefined
  fetchSite: string | undefined
  hasSessionCookie: boolean
  hasBearer: boolean
  /** Sign-up and sign-in: they make a session, so they must come from the site even without one. */
  makesSession: boolean
}

/**
 * Whether an unsafe request may go on. A stated origin must be the site's own; "null" is not. Where a cookie is at stake and
 * no origin is stated, the browser must say that the request is same-origin. A bearer token alone cannot be sent by a
 * foreign page, so it is exempt (OWASP CSRF cheat sheet; Fetch Metadata).
 */
export const isSameOrigin = (siteOrigin: string, facts: OriginFacts): boolean => {
  if (facts.hasBearer && !facts.hasSessionCookie) return true
  if (facts.origin !== undefined) return facts.origin === siteOrigin
  return facts.hasSessionCookie || facts.makesSession
    ? facts.fetchSite === 'same-origin'
    : facts.fetchSite !== 'cross-site'
}
