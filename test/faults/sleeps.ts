import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers/promises'

/** Waits for others' sake: a back-off between tries, a look once in a while. Says when the wait is over. */
export type Sleep = () => Promise<unknown>

const soon: Sleep = () => new Promise((resolve) => setImmediate(resolve))

const original = timers.setTimeout
const originalGlobal = globalThis.setTimeout
let sleep: Sleep = soon

/**
 * From now on no wait of the code under test takes real time: it ends at once, or when whoever calls `decideSleeps` says so.
 * Clocks are not touched. What the SDK waits for between its own tries ends within a millisecond.
 */
export const takeOverSleeps = (): void => {
  if (timers.setTimeout !== original) return
  Object.assign(timers, {
    setTimeout: async (_milliseconds?: number, value?: unknown) => {
      await sleep()
      return value
    },
  })
  syncBuiltinESMExports()
  globalThis.setTimeout = Object.assign(
    (task: () => void, milliseconds = 0) => originalGlobal(task, Math.min(milliseconds, 1)),
    originalGlobal,
  )
}

/** Says how sleeps end; without one they end at once. */
export const decideSleeps = (how: Sleep | null): void => {
  sleep = how ?? soon
}
