import type { ApiError, ApiResult, Call } from '../web/api.ts'
import { EXIT, type Exit } from './output.ts'
import type { TokenStore } from './token-store.ts'

/** What any command is given: its words and options, and the world around it. */
export interface Bare {
  words: readonly string[]
  options: Readonly<Record<string, string | boolean | undefined>>
  store: TokenStore
  now: () => Date
  /** Runs a program with the user's terminal; its exit code (128 + the signal that ended it), or null when there is none such. */
  runProgram: (command: string, words: readonly string[]) => number | null
  /** Runs a program quietly; what it printed, or null when it failed or is not there. */
  askProgram: (command: string, words: readonly string[]) => string | null
}

/** A site, and its API with the user's token. */
export interface AtSite {
  site: string
  call: Call
}

/** What a command is given that talks to the site. */
export interface Context extends Bare, AtSite {}

/** The service said no, or did not answer. */
export class ApiRefusal extends Error {
  readonly exit: Exit
  readonly error: ApiError

  constructor(error: ApiError) {
    const details = error.issues.map(({ path, rule }) => `\n  ${path}: ${rule}`).join('')
    super(`${error.message}${details}`)
    this.error = error
    this.exit =
      error.code === 'offline' || error.code === 'unavailable'
        ? EXIT.unreachable
        : error.code === 'unauthenticated'
          ? EXIT.signedOut
          : EXIT.refused
  }
}

/** The value of an answer; a refusal is thrown, and told in one place. */
export const must = <T>(result: ApiResult<T>): T => {
  if (result.ok) return result.value
  throw new ApiRefusal(result.error)
}

export const textOption = ({ options }: Pick<Bare, 'options'>, name: string): string | undefined => {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}
