import { cpSync, rmSync } from 'node:fs'
import { STRAY_SWEEP_SECONDS } from '../../lambdas/contract/facts.ts'
import { STRAY_KINDS } from '../../lambdas/contract/names.ts'
import { createEmbeddedAws } from '../../local/aws/embedded-aws.ts'
import { once } from '../../lambdas/core/once.ts'
import type { Browser } from '../support/browser.ts'
import { createTestClock } from '../support/clock.ts'
import { createHarness, CREDENTIALS, type Harness } from '../support/harness.ts'
import { dumpAws } from '../support/sinks.ts'
import { createFaultPlan, type Past, type PlannedFault, type TracedCall } from './plan.ts'
import { newScratchFolder } from './scratch.ts'
import { decideSleeps, takeOverSleeps } from './sleeps.ts'
import { type Scene, SECOND_TOKEN, type Workflow } from './workflows.ts'
import { findViolations, findViolationsAtRest } from './world.ts'

/** Back-off between tries is for others' sake; here it would only be waited for. */
export const withoutBackOff = (): void => {
  takeOverSleeps()
  decideSleeps(() => new Promise((resolve) => setTimeout(resolve, 1)))
}

export const PLANTED = [...Object.values(CREDENTIALS), SECOND_TOKEN]

/** A workflow's beginning, kept on disk so that each try begins with a copy of it. */
interface Beginning {
  workflow: Workflow
  folder: string
  past: Past
  end: () => Promise<void>
  cookies: Record<'admin' | 'tenant' | 'support', [string, string][]>
  notes: Record<string, string>
  startsAt: Date
}

const people = (house: Harness, cookies: Beginning['cookies'], notes: Record<string, string>): Scene => {
  const signedIn = (name: keyof Beginning['cookies']): Browser => {
    const browser = house.browse()
    for (const [key, value] of cookies[name]) browser.cookies.set(key, value)
    return browser
  }
  return { admin: signedIn('admin'), tenant: signedIn('tenant'), support: signedIn('support'), notes: { ...notes } }
}

const copyOf = (folder: string): string => {
  const copy = newScratchFolder()
  cpSync(folder, copy, { recursive: true })
  return copy
}

/** Does a workflow's setup once. The caller ends it. */
export const begin = async (workflow: Workflow): Promise<Beginning> => {
  const folder = newScratchFolder()
  const clock = createTestClock()
  const aws = await createEmbeddedAws({ directory: folder, clock })
  const house = await createHarness({ aws, clock, seed: `setup of ${workflow.name}` })
  const admin = await house.joinAsAdmin()
  const scene: Scene = {
    admin,
    tenant: await house.join(admin, 'ana@example.com'),
    support: await house.join(admin, 'sue@example.com', { role: 'support' }),
    notes: {},
  }
  await workflow.setup(house, scene)
  aws.close()
  const { admin: a, tenant: t, support: s } = scene
  let pastFolder: string | null = null
  const past = once(async () => {
    pastFolder = copyOf(folder)
    return createEmbeddedAws({ directory: pastFolder, clock })
  })
  return {
    workflow,
    folder,
    past,
    end: async () => {
      if (pastFolder !== null) {
        ;(await past()).close()
        rmSync(pastFolder, { recursive: true, force: true })
      }
      rmSync(folder, { recursive: true, force: true })
    },
    cookies: { admin: [...a.cookies], tenant: [...t.cookies], support: [...s.cookies] },
    notes: scene.notes,
    startsAt: clock.now(),
  }
}

const MINUTES_TO_REST = 75

const isStray = (violation: string): boolean => /^I-1[67] /.test(violation)

/**
 * Runs queue, machines and schedules without faults until nothing changes any more. Where something is left that nobody owns,
 * for as long as it takes to find and end it. Says what does not hold then.
 */
const comeToRest = async (house: Harness): Promise<string[]> => {
  let isCalm = await untilCalm(house)
  const look = async (): Promise<string[]> => {
    const found = await findViolationsAtRest(house.aws, PLANTED)
    return isCalm ? found : ['I-18 does not come to rest', ...found]
  }
  for (let sweeps = 0; sweeps < 3; sweeps += 1) {
    const found = await look()
    if (!found.some(isStray)) return found
    house.clock.advanceSeconds(STRAY_SWEEP_SECONDS)
    isCalm = await untilCalm(house)
  }
  return look()
}

/** One kind of stray is looked for in each pass: nothing is calm before each had its turn. */
const CALM_PASSES = Math.max(3, STRAY_KINDS.length)

const untilCalm = async (house: Harness): Promise<boolean> => {
  let before = ''
  let calm = 0
  for (let minute = 0; minute < MINUTES_TO_REST && calm < CALM_PASSES; minute += 1) {
    for (let second = 0; second < 60; second += 15) {
      house.clock.advanceSeconds(15)
      house.aws.machines.advance()
      while ((await house.work()) > 0);
      await house.standIns()
      await house.standIns()
    }
    await house.reconcile()
    await house.sendMail()
    const now = stateOf(house)
    calm = now === before ? calm + 1 : 0
    before = now
  }
  return calm >= CALM_PASSES
}

/** Signs of life that go on for ever, and when to look next. */
const EVER_NEW = new Set(['lastSeenAt', 'lookAt', 'version', 'passing'])

const withoutSignsOfLife = (item: string): string =>
  JSON.stringify(JSON.parse(item), (key, value: unknown) => (EVER_NEW.has(key) ? undefined : value))

/** What is there, but for signs of life and for what is counted only to be forgotten. */
const stateOf = (house: Harness): string => {
  const { ddb_item: items = [], ...rest } = dumpAws(house.aws)
  const rows = items as { tbl: string; item: string }[]
  return JSON.stringify([
    rows.filter(({ tbl }) => tbl !== 'vestibule-limits').map(({ item }) => withoutSignsOfLife(item)),
    house.aws.database.all('SELECT id, state, groups, tags FROM ec2_instance'),
    ...['sqs_message', 'sm_version', 'sm_secret', 'kms_key', 'kms_alias'].map((name) => rest[name]),
  ])
}

export interface Outcome {
  trace: readonly TracedCall[]
  /** Whether somebody waits for an answer that depends on nothing but calls to AWS. */
  isRequest: boolean
  violations: string[]
}

/**
 * One try: the workflow with these faults, whose instance is then thrown away; recovery; the user's call once more with the
 * same keys; rest. Says everything that does not hold.
 */
export const attempt = async (
  beginning: Beginning,
  faults: readonly PlannedFault[],
  faultsInRecovery: readonly PlannedFault[] = [],
): Promise<Outcome> => {
  const { workflow } = beginning
  const folder = copyOf(beginning.folder)
  const clock = createTestClock(beginning.startsAt)
  const aws = await createEmbeddedAws({ directory: folder, clock })
  const instanceOf = async (seed: string, armed: readonly PlannedFault[]) => {
    const plan = createFaultPlan({ aws, advanceSeconds: clock.advanceSeconds })
    const house = await createHarness({ aws, clock, hook: plan.hook, seed: `${workflow.name} ${seed}` })
    plan.arm(armed, beginning.past)
    return { plan, house }
  }
  try {
    const violations: string[] = []
    const judge = (status: number | undefined, when: string, allowed: readonly number[]): void => {
      if (status === undefined || (status < 400 && status >= 200) || allowed.includes(status)) return
      violations.push(`I-26 answered ${status} ${when}`)
    }
    const first = await instanceOf('first', faults)
    const scene = people(first.house, beginning.cookies, beginning.notes)
    const answered = await Promise.race([
      workflow.run(first.house, scene).catch(() => null),
      first.plan.death.then(() => null),
    ])
    judge(answered?.status, 'with a fault', [503, ...(workflow.mayRepeatAs ?? [])])
    first.plan.heal()
    violations.push(...(await findViolations(aws, PLANTED)))

    if (faultsInRecovery.length > 0) {
      const middle = await instanceOf('middle', faultsInRecovery)
      const again = people(middle.house, beginning.cookies, scene.notes)
      await Promise.race([workflow.run(middle.house, again).catch(() => null), middle.plan.death])
      middle.plan.heal()
      violations.push(...(await findViolations(aws, PLANTED)))
    }

    const second = await instanceOf('second', [])
    second.plan.heal()
    clock.advanceSeconds(31)
    const returned = people(second.house, beginning.cookies, scene.notes)
    const repeated = await workflow.run(second.house, returned)
    judge(repeated?.status, 'when done again', workflow.mayRepeatAs ?? [])
    violations.push(...(await comeToRest(second.house)))
    const wrong = (await workflow.check?.(second.house, returned)) ?? null
    if (wrong !== null) violations.push(`${workflow.name}: ${wrong}`)
    const isRequest = answered !== null && workflow.waits !== true
    return { trace: first.plan.trace, isRequest, violations: [...new Set(violations)] }
  } finally {
    aws.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

export interface SweepResult {
  workflow: string
  calls: readonly TracedCall[]
  tried: number
  failures: { faults: readonly PlannedFault[]; violations: string[] }[]
}

/** How much more often a request makes a call that breaks: the SDK's own tries, or looks for a key that is not visible yet. */
const MORE_TRIES = 16

/** I-28: what breaks once does not make a request call AWS without end. */
const judgeTries = (clean: Outcome, tried: Outcome, { at }: PlannedFault): string[] => {
  const name = clean.trace[at - 1]?.name
  const tries = ({ trace }: Outcome): number => trace.filter((call) => call.name === name).length
  const more = tries(tried) - tries(clean)
  return clean.isRequest && more > MORE_TRIES ? [`I-28 ${name} was called ${more} times more`] : []
}

/** Every call of a workflow with every fault; `choose` may leave some out. */
export const sweep = async (
  workflow: Workflow,
  choose: (fault: PlannedFault) => boolean = () => true,
): Promise<SweepResult> => {
  const beginning = await begin(workflow)
  try {
    const clean = await attempt(beginning, [])
    const failures: SweepResult['failures'] = []
    if (clean.violations.length > 0) failures.push({ faults: [], violations: clean.violations })
    let tried = 0
    for (const [index, { faults }] of clean.trace.entries()) {
      for (const fault of faults) {
        const planned = { at: index + 1, fault }
        if (!choose(planned)) continue
        tried += 1
        const outcome = await attempt(beginning, [planned])
        const violations = [...outcome.violations, ...judgeTries(clean, outcome, planned)]
        if (violations.length > 0) failures.push({ faults: [planned], violations })
      }
    }
    return { workflow: workflow.name, calls: clean.trace, tried, failures }
  } finally {
    await beginning.end()
  }
}
