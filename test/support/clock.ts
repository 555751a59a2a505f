import type { Clock } from '../../lambdas/core/clock.ts'

export const START = new Date('2026-11-21T09:00:00.000Z')

/** A clock that only a test moves. */
export const createTestClock = (start = START) => {
  let now = start.getTime()
  return {
    now: () => new Date(now),
    advanceSeconds: (seconds: number) => {
      now += seconds * 1000
    },
  } satisfies Clock & { advanceSeconds: (seconds: number) => void }
}

export type TestClock = ReturnType<typeof createTestClock>
