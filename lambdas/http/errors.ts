import type { ErrorCode } from '../contract/error-codes.ts'
import type { Issue } from '../contract/errors.ts'

/** A failure on its way to the wire: code and words for the caller, the real reason for the log. */
export interface Refusal {
  code: ErrorCode
  /** Where a code has another status than usual in one place. */
  status?: 404
  reason: string
  message?: string
  issues?: Issue[]
  retryAfterSeconds?: number
}

/** What each code says when a route has no better words. Each tells the reader what to do next. */
const DEFAULT_MESSAGE: Record<ErrorCode, string> = {
  malformed: 'The request could not be read. Check that it is one JSON document as the API describes it.',
  invalid_input: 'Some of what was sent does not fit. See "issues" for each place, correct it and send it again.',
  weak_password: 'Please choose another password: 15 to 128 characters, not a well-known one and not your own name.',
  unauthenticated: 'You are not signed in, or your session has ended. Sign in and try again.',
  invalid_credentials: 'E-mail or password is wrong. Check both and try again.',
  forbidden: 'Your account may not do this. Ask an admin if you think it should.',
  cross_site: 'The request did not come from this site. Open the site itself and try again from there.',
  reauth_required: 'Please sign in again before doing this.',
  invite_invalid:
    'This invite cannot be used with this e-mail address. Check the address, or ask your admin for a new link.',
  support_access_off: 'The tenant does not allow support access to this agent. Ask them to turn it on first.',
  not_found: 'There is nothing here, or it is not yours to see.',
  conflict: 'This changed in the meantime. Load it again and repeat what you wanted to do.',
  invite_pending: 'There is already a pending invite for this address. Resend or revoke that one.',
  name_taken: 'Your tenant already has an agent of this name. Choose another name.',
  agent_limit_reached: 'Your tenant has as many agents as it may have. Delete one first, or ask your admin.',
  wrong_state: 'The agent is in a state in which this cannot be done. Load it again to see where it stands.',
  last_admin: 'This is the last active admin. Make somebody else an admin first.',
  too_large: 'The request is larger than 64 KiB. Send less.',
  unsupported_media_type: 'Send the body as application/json.',
  misdirected: 'This server does not answer for that host name. Use the address it printed at start.',
  idempotency_mismatch: 'This Idempotency-Key was used for another request. Use a new key.',
  rate_limited: 'Too many attempts. Wait as long as the Retry-After header says, then try again.',
  internal: 'Something went wrong on our side. Nothing of yours was shown to anybody. Please report the request id.',
  unavailable: 'The service cannot answer right now. Nothing was lost; try again in a moment.',
}

export const messageFor = (refusal: Refusal): string => refusal.message ?? DEFAULT_MESSAGE[refusal.code]
