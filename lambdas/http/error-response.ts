import type { ChangePasswordFailure } from '../accounts/change-password.ts'
import type { ChangeStaffFailure } from '../accounts/change-staff.ts'
import type { SignInFailure } from '../accounts/sign-in.ts'
import type { ChangeCredentialsFailure } from '../agents/change-credentials.ts'
import type { LifecycleFailure } from '../agents/lifecycle.ts'
import type { OnboardFailure } from '../agents/onboard-agent.ts'
import type { TenantUnknown } from '../agents/suspend-tenant.ts'
import { ERROR_STATUS } from '../contract/error-codes.ts'
import type { ErrorBody } from '../contract/errors.ts'
import { assertNever } from '../core/result.ts'
import type { JsonFailure } from '../core/json.ts'
import type { IssueInviteFailure } from '../invites/issue-invite.ts'
import type { RedeemFailure } from '../invites/redeem-invite.ts'
import type { ResendInviteFailure } from '../invites/resend-invite.ts'
import type { RevokeInviteFailure } from '../invites/revoke-invite.ts'
import type { RateLimited } from '../limits/limiter.aws.ts'
import type { EnrollFailure } from '../provisioning/identify-instance.ts'
import type { IssueCertificateFailure } from '../support/issue-certificate.ts'
import { API_HEADERS } from './answer.ts'
import { messageFor, type Refusal } from './errors.ts'

/** Every expected failure of every use case. */
export type Failure =
  | RateLimited
  | JsonFailure
  | RedeemFailure
  | SignInFailure
  | ChangePasswordFailure
  | ChangeStaffFailure
  | IssueInviteFailure
  | ResendInviteFailure
  | RevokeInviteFailure
  | OnboardFailure
  | ChangeCredentialsFailure
  | LifecycleFailure
  | TenantUnknown
  | EnrollFailure
  | IssueCertificateFailure
  | { reason: 'session_unknown' | 'session_forged' }
  | { reason: 'token_unknown' | 'too_many_tokens' | 'session_ended' }
  | { reason: 'code_unknown' }

/** The one map from failures to the wire. Several reasons share a code on purpose: the caller must not tell them apart. */
export const toRefusal = (failure: Failure): Refusal => {
  const { reason } = failure
  switch (reason) {
    case 'json_malformed':
    case 'json_too_deep':
    case 'json_duplicate_key':
    case 'json_forbidden_key':
      return { code: 'malformed', reason }
    case 'rate_limited':
      return { code: 'rate_limited', reason, retryAfterSeconds: failure.retryAfterSeconds }
    case 'invite_refused':
      return { code: 'invite_invalid', reason: failure.because }
    case 'invalid_credentials':
      return { code: 'invalid_credentials', reason: failure.because }
    case 'wrong_current_password':
      return { code: 'invalid_credentials', reason, message: 'The current password is wrong. Check it and try again.' }
    case 'weak_password':
      return { code: 'weak_password', reason: failure.rule, issues: [{ path: 'password', rule: failure.rule }] }
    case 'account_unknown':
    case 'tenant_unknown':
    case 'agent_unknown':
    case 'token_unknown':
    case 'session_unknown':
      return { code: 'not_found', reason }
    case 'invite_unknown':
      return { code: 'not_found', reason }
    case 'code_unknown':
      return { code: 'invite_invalid', status: 404, reason }
    case 'session_forged':
    case 'session_ended':
      return { code: 'unauthenticated', reason }
    case 'key_unusable':
      return { code: 'invalid_input', reason, issues: [{ path: 'publicKey', rule: 'ed25519_or_ecdsa_p256' }] }
    case 'support_access_off':
    case 'last_admin':
    case 'invite_pending':
    case 'name_taken':
    case 'agent_limit_reached':
    case 'idempotency_mismatch':
      return { code: reason, reason }
    case 'account_moved':
      return { code: 'conflict', reason }
    case 'invite_final':
    case 'invite_already_redeemed':
      return {
        code: 'conflict',
        reason,
        message: 'This invite has been used or revoked and stays so. Issue a new one.',
      }
    case 'tenant_suspended':
      return { code: 'conflict', reason, message: 'This tenant is suspended. Resume it before inviting anybody to it.' }
    case 'too_many_tokens':
      return { code: 'conflict', reason, message: 'You have as many API tokens as you may have. Revoke one first.' }
    case 'wrong_state':
      return { code: 'wrong_state', reason: `wrong_state ${failure.status}` }
    case 'agent_deleted':
    case 'secret_deleted':
      return {
        code: 'wrong_state',
        reason,
        message: 'This agent is being deleted; its credentials can no longer change.',
      }
    case 'last_model_credential':
      return {
        code: 'invalid_input',
        reason,
        message:
          'An agent needs a Claude Code token or an Anthropic API key. Add the other one before removing this one.',
        issues: [{ path: 'credentials', rule: 'model_credential_required' }],
      }
    case 'secret_too_large':
      return { code: 'invalid_input', reason, issues: [{ path: 'credentials', rule: 'too_large' }] }
    case 'version_quota':
    case 'not_allowed':
      return { code: 'rate_limited', reason, retryAfterSeconds: 600 }
    case 'secret_missing':
      return { code: 'wrong_state', reason }
    case 'proof_invalid':
      return {
        code: 'unauthenticated',
        reason: failure.because,
        message: 'The proof of which instance this is does not hold.',
      }
    case 'enroll_refused':
      return { code: 'forbidden', reason: failure.because, message: 'This instance may not do that.' }
    default:
      return assertNever(reason)
  }
}

/** The error shape of the API. It never holds a value that was sent. */
export const toErrorAnswer = (refusal: Refusal, requestId: string) => {
  const body: ErrorBody = {
    error: {
      code: refusal.code,
      message: messageFor(refusal),
      requestId,
      ...(refusal.issues === undefined ? {} : { issues: refusal.issues }),
    },
  }
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (refusal.retryAfterSeconds !== undefined) headers['retry-after'] = String(Math.max(1, refusal.retryAfterSeconds))
  else if (refusal.code === 'unavailable') headers['retry-after'] = '5'
  return { text: JSON.stringify(body), status: refusal.status ?? ERROR_STATUS[refusal.code], headers }
}

/** The same as a whole response, for places outside the app: a wrong host, an event that is none. */
export const toErrorResponse = (refusal: Refusal, requestId: string): Response => {
  const { text, status, headers } = toErrorAnswer(refusal, requestId)
  return new Response(text, { status, headers: { ...API_HEADERS, 'x-request-id': requestId, ...headers } })
}
