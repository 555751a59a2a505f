import { PASSWORD_MAX_CHARACTERS, PASSWORD_MIN_CHARACTERS } from '../contract/facts.ts'
import type { Secret } from '../core/secret.ts'

/** Pure: no I/O, no clock. */

export type PasswordRule = 'too_short' | 'too_long' | 'contains_email' | 'contains_name' | 'well_known'

/**
 * Words that the published lists of breached passwords are built from (SecLists, NCSC top 100k), with our own names. A
 * password made of nothing but these, runs and digits is on such a list or one step away from it.
 */
const COMMON_WORDS = (
  'password passwort passwd pass motdepasse contrasena wachtwoord secret letmein welcome willkommen bienvenue login logon ' +
  'admin administrator root user test guest master default changeme changeit iloveyou ilove you love loveyou lovely ' +
  'trustno qwerty qwertz azerty monkey dragon football baseball basketball soccer hockey superman batman spiderman ' +
  'starwars pokemon sunshine princess shadow michael jessica jennifer ashley daniel jordan charlie thomas robert george ' +
  'andrew joshua matthew amanda nicole summer winter spring autumn monday friday january december computer internet ' +
  'google facebook microsoft samsung apple windows hello world hunter killer freedom whatever cheese chocolate cookie ' +
  'flower butterfly angel diamond silver golden purple orange banana liverpool arsenal chelsea manchester united the my is ' +
  'this not and me a i to of in mypassword vestibule agent claude anthropic github slack'
).split(' ')

const PLAIN_LETTERS: Record<string, string> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '!': 'i',
  '0': 'o',
  $: 's',
  '5': 's',
  '7': 't',
}

const RUNS = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'qwertzuiop',
  'azertyuiop',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik',
  '1q2w3e4r5t6y7u8i9o0p',
]
const ALL_RUNS = RUNS.flatMap((run) => [run, Array.from(run).toReversed().join('')])
const MIN_RUN = 3

const toPlainLetters = (text: string): string => Array.from(text, (char) => PLAIN_LETTERS[char] ?? char).join('')

const isRepetition = (text: string): boolean => {
  for (let period = 1; period <= text.length / 2; period += 1) {
    if (
      text ===
      text
        .slice(0, period)
        .repeat(Math.ceil(text.length / period))
        .slice(0, text.length)
    )
      return true
  }
  return false
}

const runLengthAt = (text: string, start: number): number => {
  for (let length = text.length - start; length >= MIN_RUN; length -= 1) {
    const piece = text.slice(start, start + length)
    if (ALL_RUNS.some((run) => run.includes(piece)) || new Set(piece).size === 1) return length
  }
  return 0
}

/** True when the text falls apart wholly into common words, keyboard or alphabet runs, digits and separators. */
const isWellKnown = (text: string): boolean => {
  const reachable = new Set([0])
  for (let start = 0; start < text.length; start += 1) {
    if (!reachable.has(start)) continue
    if (/[\d\s._!?#*+-]/.test(text.charAt(start))) reachable.add(start + 1)
    const run = runLengthAt(text, start)
    for (let length = MIN_RUN; length <= run; length += 1) reachable.add(start + length)
    for (const word of COMMON_WORDS) if (text.startsWith(word, start)) reachable.add(start + word.length)
  }
  return reachable.has(text.length)
}

/**
 * NIST SP 800-63B-4: at least 15 characters where the password is the only factor, no rules of composition, none that is
 * commonly used, none that repeats the account's own names. Characters are Unicode code points after NFC.
 */
export const judgePassword = (password: Secret, email: string, names: readonly string[]): PasswordRule | null => {
  const text = password.reveal()
  const length = Array.from(text).length
  if (length < PASSWORD_MIN_CHARACTERS) return 'too_short'
  if (length > PASSWORD_MAX_CHARACTERS) return 'too_long'
  const folded = text.toLowerCase()
  const [local = ''] = email.split('@')
  if (folded.includes(email) || (local.length >= 8 && folded.includes(local))) return 'contains_email'
  const ownNames = names.map((name) => name.toLowerCase()).filter((name) => name.length >= 4)
  if (
    ownNames.some((name) => folded.replaceAll(name, '').length < PASSWORD_MIN_CHARACTERS / 2 && folded.includes(name))
  ) {
    return 'contains_name'
  }
  const spellings = [folded, toPlainLetters(folded)]
  return spellings.some((spelling) => isRepetition(spelling) || isWellKnown(spelling)) ? 'well_known' : null
}
