/** What each kind of file of the site is served as. */
export const SITE_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
}

/** Which page answers which path; everything in the app's own shell is listed, so that a wrong address is a real 404. */
export const SITE_PAGES: readonly (readonly [RegExp, string])[] = [
  [/^\/$/, 'index.html'],
  [/^\/join$/, 'join.html'],
  [/^\/signin$/, 'signin.html'],
  [/^\/security$/, 'security.html'],
  [/^\/agents\/new$/, 'onboard.html'],
  [/^\/agents\/agt_[0-9a-z]{26}$/, 'index.html'],
  [/^\/(?:settings|audit|admin|admin\/tenants|admin\/staff|admin\/audit)$/, 'index.html'],
]

/** What every answer of the site carries, errors too: at the edge and on one machine. */
export const PAGE_HEADERS: Record<string, string> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; " +
    "base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
  'strict-transport-security': 'max-age=63072000; includeSubDomains',
}

/** Where files with a hash in their name lie: they never change. */
export const HASHED_FILES = 'assets/'

/** Set by our own edge from what it saw, over anything a client sent; believed only behind the origin proof. */
export const VIEWER_ADDRESS_HEADER = 'x-vestibule-viewer-address'
/** What our edge proves itself with to the API. */
export const ORIGIN_PROOF_HEADER = 'x-vestibule-origin-proof'

/** The page that says that there is nothing, and the header by which the edge knows it: S3 metadata of that name. */
export const NOT_FOUND_PAGE = '404.html'
export const NOT_FOUND_MARK = 'x-amz-meta-not-found'
