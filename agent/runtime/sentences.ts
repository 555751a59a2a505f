import { assertNever } from '../../lambdas/core/result.ts'
import type { TurnFailure } from './claude.ts'

export const WORKING = 'is working on it…'
export const WORKING_MESSAGE = 'I am working on it.'
export const STOPPING = 'I am being stopped and did not begin with this. Please ask again later.'
export const NOTHING_ASKED = 'Please write what I should do.'
export const NO_WORDS = 'I am done, and there is nothing to add.'
export const WENT_WRONG = 'Something went wrong on my machine, so there is no answer. Please ask again.'

/** What the thread is told instead of an answer: one sentence that says what to do. */
export const toSentence = (failure: TurnFailure): string => {
  switch (failure.reason) {
    case 'claude_missing':
      return 'Claude Code is not installed on my machine, so I cannot answer. Please tell those who run this platform.'
    case 'model_credential_missing':
      return 'I have neither a Claude Code token nor an Anthropic API key. Add one on my page, then ask again.'
    case 'model_credential_refused':
      return 'Anthropic refused my Claude credential. Replace it on my page, then ask again.'
    case 'turn_timed_out':
      return 'I ran out of time and stopped without an answer. Please ask again, in smaller steps.'
    case 'claude_failed':
      return 'Claude Code ended with an error, so there is no answer. Please ask again.'
    case 'answer_unreadable':
      return 'Claude Code gave an answer that I could not read. Please ask again.'
    default:
      return assertNever(failure)
  }
}
