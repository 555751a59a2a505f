import { type Logger, whereThrown } from '../../lambdas/core/logger.ts'
import type { Runtime } from './runtime.ts'

/** Leaves no more than the name and the place of an error: its message may quote what a person wrote. */
const fault = (logger: Logger, runtime: Runtime) => (error: unknown) => {
  logger.error('stopped by a fault', {
    errorName: error instanceof Error ? error.name : 'unknown',
    where: whereThrown(error),
  })
  runtime.abandon()
  process.exit(1)
}

/** SIGTERM: finish and leave with 0. A second one: leave at once, with 1. */
export const serveUntilStopped = (runtime: Runtime, logger: Logger): void => {
  const fail = fault(logger, runtime)
  let isDraining = false
  process.on('uncaughtException', fail)
  process.on('SIGTERM', () => {
    if (isDraining) {
      logger.warn('stopped before the turns were finished')
      runtime.abandon()
      process.exit(1)
    }
    isDraining = true
    runtime.drain().then(() => process.exit(0), fail)
  })
}
