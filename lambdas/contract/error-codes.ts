/** Every code an answer may carry, with its HTTP status. `docs/errors.md` explains each; a test compares the two lists. */
export const ERROR_STATUS = {
  malformed: 400,
  invalid_input: 400,
  weak_password: 400,
  unauthenticated: 401,
  invalid_credentials: 401,
  forbidden: 403,
  cross_site: 403,
  reauth_required: 403,
  invite_invalid: 403,
  support_access_off: 403,
  not_found: 404,
  conflict: 409,
  invite_pending: 409,
  name_taken: 409,
  agent_limit_reached: 409,
  wrong_state: 409,
  last_admin: 409,
  too_large: 413,
  unsupported_media_type: 415,
  misdirected: 421,
  idempotency_mismatch: 422,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
} as const

export type ErrorCode = keyof typeof ERROR_STATUS
