import { fail, ok, type Result } from '../core/result.ts'

export type DependencyKind = 'throttled' | 'unavailable' | 'denied' | 'misused'

/** A call to AWS that did not do what we needed. Answered as 503; never carries what was sent. */
export class DependencyError extends Error {
  readonly dependency: string
  readonly kind: DependencyKind
  readonly retryable: boolean

  constructor(dependency: string, kind: DependencyKind, cause: unknown) {
    super(`${dependency} ${kind}`, { cause })
    this.name = 'DependencyError'
    this.dependency = dependency
    this.kind = kind
    this.retryable = kind === 'throttled' || kind === 'unavailable'
  }
}

const THROTTLES = new Set([
  'ThrottlingException',
  'Throttling',
  'ThrottledException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'TooManyRequestsException',
  'LimitExceededException',
  'SlowDown',
])
const DENIALS = new Set([
  'AccessDeniedException',
  'AccessDenied',
  'UnauthorizedOperation',
  'UnrecognizedClientException',
])

/** The AWS error code, which for most services is the exception's name. */
export const awsErrorName = (error: unknown): string => (error instanceof Error ? error.name : 'UnknownError')

const statusOf = (error: unknown): number =>
  typeof error === 'object' &&
  error !== null &&
  '$metadata' in error &&
  typeof error.$metadata === 'object' &&
  error.$metadata !== null &&
  'httpStatusCode' in error.$metadata &&
  typeof error.$metadata.httpStatusCode === 'number'
    ? error.$metadata.httpStatusCode
    : 0

const kindOf = (error: unknown): DependencyKind => {
  const name = awsErrorName(error)
  if (THROTTLES.has(name)) return 'throttled'
  if (DENIALS.has(name)) return 'denied'
  const status = statusOf(error)
  return status >= 400 && status < 500 ? 'misused' : 'unavailable'
}

/** Runs one AWS call; whatever goes wrong becomes a `DependencyError`. */
export const callAws = async <T>(dependency: string, call: () => Promise<T>): Promise<T> => {
  try {
    return await call()
  } catch (error) {
    throw error instanceof DependencyError ? error : new DependencyError(dependency, kindOf(error), error)
  }
}

/** Runs one AWS call whose named errors are part of its meaning and come back as values; any other is thrown. */
export const tryAws = async <T, E extends string>(
  dependency: string,
  expected: readonly E[],
  call: () => Promise<T>,
): Promise<Result<T, { reason: E; cause: unknown }>> => {
  try {
    return ok(await call())
  } catch (error) {
    const reason = expected.find((name) => name === awsErrorName(error))
    if (reason !== undefined) return fail({ reason, cause: error })
    throw new DependencyError(dependency, kindOf(error), error)
  }
}
