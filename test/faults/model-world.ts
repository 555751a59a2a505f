import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createEmbeddedAws } from '../../local/aws/embedded-aws.ts'
import type { Browser, Reply } from '../support/browser.ts'
import { createTestClock } from '../support/clock.ts'
import { createHarness, type Harness } from '../support/harness.ts'
import { createSeededRandom } from '../support/random.ts'
import { createFactReader } from './model-facts.ts'
import { type Choice, createFaultPlan, type FaultPlan, type Past } from './plan.ts'
import { newScratchFolder } from './scratch.ts'
import { takeOverSleeps } from './sleeps.ts'

/** The real thing under random commands: copies of the app that die and come back, on one embedded AWS. */

export interface Request {
  method: string
  path: string
  body?: unknown
  headers?: Record<string, string>
}

export interface Outcome {
  /** Null where the copy died before it answered. */
  reply: Reply | null
  /** How many of its calls to AWS met a fault. */
  met: number
}

interface Copy {
  house: Harness
  plan: FaultPlan
}

/** Which copy is asked, and from which seed its faults are drawn; 0 draws none. */
export interface Luck {
  via: number
  luck: number
}

const COPIES = 2
/** Turns of the event loop without a call after which nothing of a command is under way any more. */
const QUIET_TURNS = 6

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const createModelWorld = async (seed: string, faultRate: number) => {
  takeOverSleeps()
  const clock = createTestClock()
  const folder = newScratchFolder()
  const aws = await createEmbeddedAws({ directory: folder, clock, random: createSeededRandom(`${seed} aws`) })
  const readFacts = createFactReader(aws)
  let opened = 0
  let calls = 0
  let armed = 0
  let faults = 0
  let injecting = true
  let isArmed = false

  const open = async (): Promise<Copy> => {
    opened += 1
    const plan = createFaultPlan({ aws, advanceSeconds: clock.advanceSeconds })
    const house = await createHarness({
      aws,
      clock,
      seed: `${seed} ${opened}`,
      hook: async (call, proceed) => {
        calls += 1
        if (isArmed) armed += 1
        return plan.hook(call, proceed)
      },
    })
    return { house, plan }
  }
  const copies: Copy[] = []
  for (let index = 0; index < COPIES; index += 1) copies.push(await open())

  const copyAt = async (via: number): Promise<Copy> => {
    const index = via % COPIES
    const known = copies[index]
    if (known !== undefined && !known.plan.isDead()) return known
    const fresh = await open()
    copies[index] = fresh
    return fresh
  }

  const dice = (luck: number): (() => number) => {
    const random = createSeededRandom(`${seed} luck ${luck}`)
    return () => Buffer.from(random.bytes(4)).readUInt32BE() / 2 ** 32
  }

  /** Faults at the given rate. Where the past is kept, every other read that may be late is. */
  const chooser =
    (draw: () => number): Choice =>
    (_at, possible) => {
      if (possible.includes('stale-read') && draw() < 0.5) return 'stale-read'
      return draw() < faultRate ? possible[Math.floor(draw() * possible.length)] : undefined
    }

  /** Keeps AWS as it is now for as long as a command runs. */
  const keepPast = async (): Promise<{ past: Past; forget: () => void }> => {
    const copy = newScratchFolder()
    aws.database.run('VACUUM INTO ?', join(copy, 'aws.sqlite'))
    copyFileSync(join(folder, 'kms-root.key'), join(copy, 'kms-root.key'))
    const kept = await createEmbeddedAws({ directory: copy, clock })
    const forget = (): void => {
      kept.close()
      rmSync(copy, { recursive: true, force: true })
    }
    return { past: async () => kept, forget }
  }

  /** Waits until nothing that a command began is under way: what was answered early may still be writing. */
  const quiet = async (): Promise<void> => {
    let before = -1
    let still = 0
    while (still < QUIET_TURNS) {
      await turnOfLoop()
      still = calls === before ? still + 1 : 0
      before = calls
    }
  }

  /** Runs something on one copy, with faults as its luck will have it. Null where the copy died of it. */
  const run = async <T>(
    { via, luck }: Luck,
    task: (house: Harness) => Promise<T>,
  ): Promise<{ done: T | null; met: number }> => {
    const { house, plan } = await copyAt(via)
    const before = plan.met()
    isArmed = injecting && luck !== 0
    const draw = dice(luck)
    const kept = isArmed && draw() < faultRate ? await keepPast() : null
    if (isArmed) plan.armEach(chooser(draw), kept?.past ?? null)
    const done = await Promise.race([task(house), plan.death.then(() => null)])
    await quiet()
    plan.heal()
    kept?.forget()
    isArmed = false
    const met = plan.met() - before
    faults += met
    return { done: plan.isDead() ? null : done, met }
  }

  return {
    aws,
    clock,
    readFacts,
    run,
    house: async (via: number): Promise<Harness> => (await copyAt(via)).house,
    /** One request of a browser or of a program with a token. The cookies are the caller's, and stay as they were if nobody answers. */
    call: async (
      luck: Luck,
      { method, path, body, headers }: Request,
      cookies: Map<string, string>,
      beside: (house: Harness, answer: Promise<unknown>) => Promise<unknown> = async () => undefined,
    ): Promise<Outcome & { browser: Browser }> => {
      const browser = (await copyAt(luck.via)).house.browse()
      for (const [name, value] of cookies) browser.cookies.set(name, value)
      const { done, met } = await run(luck, async (house) => {
        const answer = browser.send(method, path, { body, headers })
        const [reply] = await Promise.all([answer, beside(house, answer)])
        return reply
      })
      return { reply: done, met, browser }
    },
    restart: async (via: number): Promise<void> => {
      copies[via % COPIES] = await open()
    },
    inject: (): void => {
      injecting = true
    },
    heal: (): void => {
      injecting = false
    },
    /** Calls to AWS that could have met a fault, and those that did. */
    counts: () => ({ calls: armed, faults }),
    close: (): void => {
      aws.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export type ModelWorld = Awaited<ReturnType<typeof createModelWorld>>
