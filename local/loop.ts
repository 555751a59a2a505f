import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../lambdas/core/logger.ts'

/** Repeats a task with a pause in between until it is told to stop; a failure is logged and the next turn tries again. */
export const startLoop = (name: string, everyMilliseconds: number, task: () => Promise<unknown>, logger: Logger) => {
  const stopping = new AbortController()
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await task()
      } catch (error) {
        logger.error('background task failed', {
          operation: name,
          errorName: error instanceof Error ? error.name : 'unknown',
        })
      }
      await sleep(everyMilliseconds, undefined, { signal: stopping.signal }).catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error
      })
    }
  }
  const done = run()
  return async (): Promise<void> => {
    stopping.abort()
    await done
  }
}
