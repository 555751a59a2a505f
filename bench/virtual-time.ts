import type { Clock, Pause } from '../lambdas/core/clock.ts'

interface Sleeper {
  at: number
  order: number
  wake: () => void
}

/**
 * A clock that jumps from one pause's end to the next, so that an hour passes in seconds. One task runs at a time: the next is
 * woken when all others pause or have ended, so every run is the same.
 */
export const createVirtualTime = (startAt: Date) => {
  let now = startAt.getTime()
  let awake = 0
  let order = 0
  let settle: (() => void) | null = null
  let failure: unknown = null
  const sleepers: Sleeper[] = []

  const fallAsleep = (): void => {
    awake -= 1
    if (awake === 0) settle?.()
  }
  const untilAllSleep = (): Promise<void> =>
    awake === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          settle = resolve
        })

  const pause: Pause = (milliseconds) =>
    new Promise((wake) => {
      order += 1
      sleepers.push({ at: now + milliseconds, order, wake })
      fallAsleep()
    })

  /** Begins a task. Its failure ends the run. */
  const start = (task: () => Promise<void>): void => {
    awake += 1
    task()
      .catch((error: unknown) => {
        failure = error
      })
      .finally(fallAsleep)
  }

  /** Lets time pass until no task is left. */
  const run = async (): Promise<void> => {
    for (;;) {
      await untilAllSleep()
      if (failure !== null) throw failure
      sleepers.sort((left, right) => left.at - right.at || left.order - right.order)
      const next = sleepers.shift()
      if (next === undefined) return
      now = next.at
      awake += 1
      next.wake()
    }
  }

  const clock: Clock = { now: () => new Date(now) }
  return { clock, pause, start, run }
}

export type VirtualTime = ReturnType<typeof createVirtualTime>
