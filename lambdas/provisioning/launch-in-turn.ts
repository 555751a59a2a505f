import { DependencyError } from '../aws/errors.aws.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Result } from '../core/result.ts'
import type { Instances, LaunchFailure, ObservedInstance } from './instances.aws.ts'
import type { LaunchAttempt } from './launch-attempt.ts'
import type { LaunchPace } from './launch-pace.aws.ts'

export interface LaunchInTurnDeps {
  pace: Pick<LaunchPace, 'takeTurn' | 'noteRefusal'>
  instances: Pick<Instances, 'launch'>
  clock: Clock
  logger: Logger
}

/** One call. Null when EC2 cannot do it now: throttled, or not there. The same attempt may be made again, byte for byte. */
const launchOnce = async (
  { instances, logger }: LaunchInTurnDeps,
  attempt: LaunchAttempt,
): Promise<Result<ObservedInstance, LaunchFailure> | null> => {
  try {
    return await instances.launch(attempt)
  } catch (error) {
    if (!(error instanceof DependencyError) || !error.retryable) throw error
    logger.warn('launch put off', { agentId: attempt.agentId, reason: error.kind })
    return null
  }
}

/**
 * Makes a launch attempt, each call in its own turn. What EC2 cannot do now is tried again in later turns, until `until`, at
 * least once. Null when it could not be done, and the agent's row goes on saying that it is to be launched; or when it was no
 * longer wanted once the turn came.
 */
export const launchInTurn = async (
  deps: LaunchInTurnDeps,
  attempt: LaunchAttempt,
  { until, lineHead, isWanted }: { until: Date; lineHead?: string; isWanted: () => Promise<boolean> },
): Promise<Result<ObservedInstance, LaunchFailure> | null> => {
  do {
    await deps.pace.takeTurn(lineHead)
    if (!(await isWanted())) return null
    const launched = await launchOnce(deps, attempt)
    if (launched !== null) return launched
    await deps.pace.noteRefusal()
  } while (deps.clock.now() < until)
  return null
}
