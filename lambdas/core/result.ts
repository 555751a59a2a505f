/** The outcome of anything that may fail in an expected way. Unexpected faults are thrown instead. */
export type Result<T, F> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: F }

export const ok = <T>(value: T): Result<T, never> => ({ ok: true, value })

export const fail = <F>(failure: F): Result<never, F> => ({ ok: false, failure })

/** Ends an exhaustive switch: a new arm that nobody handles fails to compile here. */
export const assertNever = (value: never): never => {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`)
}
