import type * as z from 'zod/mini'
import type { Issue } from '../contract/errors.ts'

/** Pure: no I/O, no clock. */

const OWN_WORD = /^[a-z]+(?:_[a-z]+)*(?::[A-Za-z]+)?$/
const PLAIN_KEY = /^[A-Za-z_]{1,24}$/

/** A key that a stranger chose may itself be a secret pasted into the wrong place: only plain words are repeated. */
const shownKey = (key: PropertyKey): string => {
  const text = String(key)
  return PLAIN_KEY.test(text) || /^\d{1,3}$/.test(text) ? text : '?'
}

const ruleOf = (issue: z.core.$ZodIssue): string => {
  if (OWN_WORD.test(issue.message)) return issue.message
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'required' : `not_a:${issue.expected}`
    case 'too_small':
      return 'too_short'
    case 'too_big':
      return 'too_long'
    case 'unrecognized_keys':
      return 'unknown_field'
    default:
      return 'invalid'
  }
}

/** Where and which rule, never what: the values that were sent stay out of the answer. */
export const toIssues = (error: z.core.$ZodError): Issue[] =>
  error.issues.slice(0, 20).flatMap((issue) => {
    const path = issue.path.map(shownKey)
    const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, shownKey(key)]) : [path]
    return paths.map((parts) => ({ path: parts.join('.'), rule: ruleOf(issue) }))
  })
