import { WebAPIPlatformError } from '@slack/web-api'
import type { LogFields } from '../../lambdas/core/logger.ts'

/** The answers of the Web API that a token will go on getting until it, or what it may do, is changed at Slack. */
const REFUSALS = new Set([
  'account_inactive',
  'invalid_auth',
  'missing_scope',
  'not_allowed_token_type',
  'not_authed',
  'team_access_not_granted',
  'team_disabled',
  'token_expired',
  'token_revoked',
  'user_removed_from_team',
])

export const isRefusal = (error: unknown): boolean =>
  error instanceof WebAPIPlatformError && REFUSALS.has(error.data.error)

/** What may be logged of an error: Slack's code for it, or the name of its class. Its message may hold an address with a ticket. */
export const toLogFields = (error: unknown): LogFields =>
  error instanceof WebAPIPlatformError
    ? { errorName: error.name, errorCode: error.data.error }
    : { errorName: error instanceof Error ? error.name : 'unknown' }
