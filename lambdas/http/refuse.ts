import { answer } from './answer.ts'
import { toErrorAnswer } from './error-response.ts'
import type { Refusal } from './errors.ts'
import type { AppContext } from './request.ts'

/** Answers a refusal inside the app, and notes its reason for the log. */
export const refuse = (c: AppContext, refusal: Refusal): Response => {
  c.set('refusalReason', refusal.reason)
  const { text, status, headers } = toErrorAnswer(refusal, c.get('facts').requestId)
  return answer(c, text, status, headers)
}
