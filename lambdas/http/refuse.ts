import type { Refusal } from './errors.ts'
import { toErrorAnswer } from './error-response.ts'
import type { AppContext } from './request.ts'

/** Answers a refusal inside the app, with the headers that every answer carries, and notes its reason for the log. */
export const refuse = (c: AppContext, refusal: Refusal): Response => {
  c.set('refusalReason', refusal.reason)
  const { text, status, headers } = toErrorAnswer(refusal, c.get('facts').requestId)
  return c.body(text, status, headers)
}
