import { AsyncLocalStorage } from 'node:async_hooks'
import fc from 'fast-check'
import { createEmbeddedAws } from '../../local/aws/embedded-aws.ts'
import type { CallHook } from '../../local/aws/service.ts'
import type { Browser } from '../support/browser.ts'
import { createTestClock } from '../support/clock.ts'
import { createHarness, type Harness } from '../support/harness.ts'
import { nameOf } from './plan.ts'
import { createSeededRandom } from '../support/random.ts'
import { decideSleeps, takeOverSleeps } from './sleeps.ts'

/** Where interleavings are played: copies of the app on one AWS, and a scheduler that decides whose call comes next. */

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** How often the event loop is turned for one call's consequences before it is taken to wait for another call. */
const PATIENCE = 12

/** Copies share their data and nothing else, as containers of a function do. */
const COPIES = 3

const createStage = async (name: string) => {
  takeOverSleeps()
  const clock = createTestClock()
  const aws = await createEmbeddedAws({ directory: null, clock, random: createSeededRandom(name) })
  const whoCalls = new AsyncLocalStorage<string>()
  let scheduler: fc.Scheduler | null = null
  let arrivals = 0
  let busy = 0
  let afterCall: (operation: string) => void = () => undefined

  const arrive = async (what: string): Promise<void> => {
    arrivals += 1
    await scheduler?.schedule(Promise.resolve(), `${whoCalls.getStore() ?? 'somebody'}: ${what}`)
  }
  const hook: CallHook = async (call, proceed) => {
    if (scheduler === null) return proceed()
    await arrive(nameOf(call))
    const answer = await proceed()
    afterCall(call.operation)
    return answer
  }

  const open = async (seed: string): Promise<Harness> => {
    const house = await createHarness({ aws, clock, hook, seed })
    const { passwords } = house.deps
    const counted =
      <A extends unknown[], T>(work: (...input: A) => Promise<T>) =>
      async (...input: A): Promise<T> => {
        busy += 1
        try {
          return await work(...input)
        } finally {
          busy -= 1
        }
      }
    // Hashes are made on other threads: a schedule waits for them, or it would not come out the same a second time.
    Object.assign(house.deps, {
      passwords: { ...passwords, hash: counted(passwords.hash), verify: counted(passwords.verify) },
    })
    return house
  }

  const first = await open(`${name} 0`)
  const houses = [first]
  for (let index = 1; index < COPIES; index += 1) houses.push(await open(`${name} ${index}`))
  const admin = await first.joinAsAdmin()

  /** Lets what was set free run until it makes its next call, or waits for somebody else. */
  const settle = async (): Promise<void> => {
    const before = arrivals
    for (let turn = 0; turn < PATIENCE; turn += 1) {
      await turnOfLoop()
      if (busy > 0) turn = 0
      else if (arrivals > before && turn > 1) return
    }
  }

  return {
    aws,
    clock,
    houses,
    admin,
    house: (copy: number): Harness => houses[copy % houses.length] ?? first,
    /** The same person at another copy of the app. */
    at: (browser: Browser, copy: number): Browser => {
      const there = (houses[copy % houses.length] ?? first).browse()
      for (const [key, value] of browser.cookies) there.cookies.set(key, value)
      return there
    },
    /** Runs actors side by side; before each of their calls to AWS, and in each of their waits, the scheduler says who goes on. */
    play: async (
      schedule: fc.Scheduler,
      actors: readonly { name: string; act: () => Promise<unknown> }[],
      watch: (operation: string) => void = () => undefined,
    ): Promise<void> => {
      scheduler = schedule
      afterCall = watch
      decideSleeps(() => arrive('waits'))
      try {
        const playing = Promise.all(
          actors.map(({ name: who, act }) =>
            whoCalls.run(who, async () => {
              await arrive('begins')
              await act()
            }),
          ),
        )
        await schedule.waitFor(playing, async (release) => {
          await release()
          await settle()
        })
      } finally {
        scheduler = null
        decideSleeps(null)
      }
    },
    /** One actor's step that is no call to AWS. */
    pause: () => arrive('steps'),
    close: () => aws.close(),
  }
}

export type Stage = Awaited<ReturnType<typeof createStage>>

/** A stage becomes slow as its tables fill. */
const SCHEDULES_PER_STAGE = 200

export interface Explored {
  schedules: number
  violations: { replay: string; what: string }[]
}

export interface Exploration {
  schedules: number
  seed: number
  /** Of one schedule that failed before, as its violation named it. */
  path?: string
}

/** What broke in a schedule other than the one that noticed. */
export class ScheduleError extends Error {
  readonly number: number | undefined

  constructor(message: string, number: number | undefined) {
    super(message)
    this.number = number
  }
}

const logOf = (schedule: fc.Scheduler): string =>
  schedule
    .report()
    .map(({ label, status }) => `  ${label}${status === 'pending' ? ' (waits)' : ''}`)
    .join('\n')

const toMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** One stage after another, each for so many schedules. */
const createTheatre = (name: string) => {
  let stage: Stage | null = null
  let played = 0
  return {
    next: async (): Promise<{ stage: Stage; number: number }> => {
      if (stage === null || played % SCHEDULES_PER_STAGE === 0) {
        stage?.close()
        stage = await createStage(`${name} ${played}`)
      }
      played += 1
      stage.clock.advanceSeconds(61)
      return { stage, number: played }
    },
    played: () => played,
    close: (): void => stage?.close(),
  }
}

/**
 * Plays `schedules` schedules of one story and stops at the first that breaks a rule. Each begins with subjects of its own, so
 * that many can share one stage.
 */
export const explore = async <Input>(
  name: string,
  { schedules, seed, path }: Exploration,
  input: fc.Arbitrary<Input>,
  play: (stage: Stage, schedule: fc.Scheduler, input: Input, number: number) => Promise<void>,
): Promise<Explored> => {
  const theatre = createTheatre(`${name} ${seed}`)
  try {
    const details = await fc.check(
      fc.asyncProperty(fc.scheduler(), input, async (schedule, given) => {
        const { stage, number } = await theatre.next()
        try {
          await play(stage, schedule, given, number)
        } catch (error) {
          throw new Error(`${toMessage(error)}\n${fc.stringify(given)}\n${logOf(schedule)}`, { cause: error })
        }
      }),
      { numRuns: schedules, seed, path, endOnFailure: true },
    )
    if (!details.failed) return { schedules: theatre.played(), violations: [] }
    const cause = details.errorInstance instanceof Error ? details.errorInstance.cause : null
    const culprit = cause instanceof ScheduleError && cause.number !== undefined ? `${cause.number - 1}` : null
    const replay = `${name}:${seed}:${path ?? culprit ?? details.counterexamplePath}`
    return { schedules: theatre.played(), violations: [{ replay, what: toMessage(details.errorInstance) }] }
  } finally {
    theatre.close()
  }
}
