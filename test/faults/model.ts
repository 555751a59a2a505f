import fc from 'fast-check'
import { AGENT_VERBS, FIRST_CREDENTIALS, PLANTED } from './model-agents.ts'
import { callerOf, type Draw, makeCall, type Verb } from './model-calls.ts'
import { diffFacts } from './model-facts.ts'
import { ANA, BOB, ROOT, SUE } from './model-cast.ts'
import { INVITE_VERBS } from './model-invites.ts'
import { PEOPLE_VERBS } from './model-people.ts'
import { createModel, type Model, seatOf } from './model-state.ts'
import { makeHappen, SYSTEM_VERBS } from './model-system.ts'
import { createModelWorld, type ModelWorld } from './model-world.ts'
import { comeToRest } from './rest.ts'
import { findViolations, findViolationsAtRest } from './world.ts'

/** Random commands by several tenants, staff and the system, on copies of the app whose calls to AWS break. */

export const VERBS: Record<string, Verb> = { ...INVITE_VERBS, ...PEOPLE_VERBS, ...AGENT_VERBS }

/** How often each is drawn; whatever is not named here, once. */
const WEIGHTS: Record<string, number> = {
  onboard: 5,
  'change credentials': 6,
  'set support access': 3,
  stop: 3,
  start: 3,
  retry: 3,
  delete: 2,
  'sign in': 8,
  'sign up': 4,
  'issue an invite': 3,
  'come back with an ended session': 5,
  'make a token': 2,
  'resume a tenant': 3,
  'deliver launches': 6,
  'deliver others': 6,
  'let machines run': 4,
  'let all run': 4,
  reconcile: 4,
  'advance the clock': 3,
  'inject faults': 4,
}

type Command = fc.AsyncCommand<Model, ModelWorld>

const SECONDS_BETWEEN = 2

const toCommand = (name: string, draw: Draw): Command => {
  const verb = VERBS[name]
  return {
    check: (model) => verb === undefined || verb.plan(model, draw, callerOf(model, verb, draw)) !== null,
    run: async (model, world) => {
      model.commands += 1
      world.clock.advanceSeconds(SECONDS_BETWEEN)
      await (verb === undefined ? makeHappen(model, world, name, draw) : makeCall(model, world, name, verb, draw))
    },
    toString: () => `${name} ${JSON.stringify(draw)}`,
  }
}

const draws = fc.record({
  who: fc.nat(5),
  slot: fc.nat(1),
  byToken: fc.integer({ min: 0, max: 5 }).map((one) => one === 5),
  pick: fc.nat(15),
  other: fc.nat(15),
  flag: fc.boolean(),
  via: fc.nat(1),
  luck: fc.nat(2 ** 20),
})

const commandArbitraries = [...Object.keys(VERBS), ...Object.keys(SYSTEM_VERBS)].flatMap((name) =>
  Array.from({ length: WEIGHTS[name] ?? 1 }, () => draws.map((draw) => toCommand(name, draw))),
)

/** Enough for a machine to boot. */
const BOOT_ROUNDS = 7

/** Two tenants with an account each, of which one has an agent that is ready; an admin and a support engineer. All are signed in. */
const begin = async (world: ModelWorld): Promise<Model> => {
  const house = await world.house(0)
  const admin = await house.joinAsAdmin()
  const people = new Map([
    [ROOT, admin],
    [ANA, await house.join(admin, ANA)],
    [BOB, await house.join(admin, BOB)],
    [SUE, await house.join(admin, SUE, { role: 'support' })],
  ])
  await people.get(ANA)?.post('/api/agents', { name: 'Ada', credentials: FIRST_CREDENTIALS })
  await house.settle(BOOT_ROUNDS)
  const model = createModel(await world.readFacts(), () => world.clock.now().getTime())
  for (const [email, browser] of people) {
    const now = model.now()
    const { session } = (await browser.get('/api/session')).body
    const state = {
      ...{ id: session.id, email, cookies: new Map(browser.cookies), live: 'yes' as const },
      ...{ openedAt: { earliest: now, latest: now }, usedAt: now, triedAt: now },
    }
    model.sessions.push(state)
    model.seats.set(seatOf(email, 0), state)
  }
  return model
}

const isAsWished = (model: Model, agentId: string): string | null => {
  const agent = model.facts.agents[agentId]
  if (agent === undefined) return `agent ${agentId} vanished`
  const wish = model.wishes.get(agentId)
  const allowed: Record<string, readonly string[]> = {
    run: ['ready', 'failed', ...(model.everSuspended.has(agent.tenantId) ? ['stopped'] : [])],
    stop: ['stopped', 'failed'],
    delete: ['deleted'],
  }
  return wish === undefined || allowed[wish]?.includes(agent.status)
    ? null
    : `agent ${agentId} was to ${wish} and is ${agent.status}`
}

/** Heals everything, lets it come to rest, and says what then does not hold. */
const endInPeace = async (model: Model, world: ModelWorld): Promise<string[]> => {
  world.heal()
  await world.restart(0)
  const house = await world.house(0)
  const found: string[] = []
  if (!(await comeToRest(house, { standIns: true }))) found.push('I-18 does not come to rest')
  await makeHappen(model, world, 'reconcile', {
    who: 0,
    slot: 0,
    byToken: false,
    pick: 0,
    other: 0,
    flag: false,
    via: 0,
    luck: 0,
  })
  const before = model.facts
  await house.reconcile()
  model.facts = await world.readFacts()
  if (diffFacts(before, model.facts).length > 0) found.push('I-30 reconciling once more changes something')
  found.push(...(await findViolationsAtRest(world.aws, PLANTED)))
  for (const agentId of Object.keys(model.facts.agents)) found.push(isAsWished(model, agentId) ?? '')
  // What failed too often lies in the dead letters for an operator; the agent it was about is at rest all the same.
  return found.filter((text) => text !== '' && !text.includes('provisioner-dead'))
}

export interface ModelRun {
  commands: number
  calls: number
  faults: number
  violations: { replay: string; what: string }[]
}

export interface ModelRunOptions {
  seed: number
  /** At most so many; a run draws how many. */
  commands: number
  /** Of the calls to AWS, the part that meets a fault. */
  faultRate: number
  /** Looks for fewer commands that break the same rule: for a person, after a replay. */
  shrinks?: boolean
}

/** One run from its beginning to rest. The same seed makes the same run again. */
export const runModel = async ({ seed, commands, faultRate, shrinks = false }: ModelRunOptions): Promise<ModelRun> => {
  const total = { commands: 0, calls: 0, faults: 0 }
  const details = await fc.check(
    fc.asyncProperty(
      fc.noBias(fc.commands(commandArbitraries, { maxCommands: commands, size: 'max' })),
      async (drawn) => {
        const world = await createModelWorld(`model ${seed}`, faultRate)
        let model: Model | null = null
        try {
          const setUp = async () => {
            model = await begin(world)
            return { model, real: world }
          }
          await fc.asyncModelRun(setUp, drawn)
          const ended: Model | null = model
          if (ended === null) return
          const found = [...(await findViolations(world.aws, PLANTED)), ...(await endInPeace(ended, world))]
          if (found.length > 0) throw new Error([...new Set(found)].join('\n'))
        } finally {
          total.commands += (model as Model | null)?.commands ?? 0
          const { calls, faults } = world.counts()
          total.calls += calls
          total.faults += faults
          world.close()
        }
      },
    ),
    { numRuns: 1, seed, endOnFailure: !shrinks },
  )
  if (!details.failed) return { ...total, violations: [] }
  const cause = details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance)
  const steps = fc.stringify(details.counterexample?.[0])
  return { ...total, violations: [{ replay: `model:${seed}:${commands}`, what: `${cause}\n${steps}` }] }
}

/** Runs of `commands` commands each, until `total` were made. Stops at the first that breaks a rule. */
export const runModelUntil = async (total: number, options: ModelRunOptions): Promise<ModelRun & { runs: number }> => {
  const sum = { runs: 0, commands: 0, calls: 0, faults: 0, violations: [] as ModelRun['violations'] }
  while (sum.commands < total && sum.violations.length === 0) {
    const run = await runModel({ ...options, seed: options.seed + sum.runs })
    sum.runs += 1
    sum.commands += run.commands
    sum.calls += run.calls
    sum.faults += run.faults
    sum.violations = run.violations
  }
  return sum
}
