import { rotateSessionKeys } from '../../lambdas/sessions/rotate-session-keys.aws.ts'
import type { Harness } from '../support/harness.ts'
import { createSeededRandom } from '../support/random.ts'
import { type Draw, judgeWorld } from './model-calls.ts'
import { diffFacts } from './model-facts.ts'
import { pickFrom } from './model-cast.ts'
import type { Model } from './model-state.ts'
import type { ModelWorld } from './model-world.ts'

/** What happens without anybody asking: deliveries, clocks, machines, deploys, rotations. */

type SystemVerb = (world: ModelWorld, model: Model, draw: Draw) => Promise<unknown>

/** Work that may fail: what it was to do is found again later. */
const onOneCopy =
  (work: (house: Harness) => Promise<unknown>): SystemVerb =>
  async (world, _model, draw) => {
    let failure: unknown = null
    const { met } = await world.run(draw, (house) =>
      work(house).catch((error: unknown) => {
        failure = error
      }),
    )
    if (failure !== null && met === 0) throw new Error('failed though nothing is broken', { cause: failure })
  }

const messages = (world: ModelWorld): string[] =>
  world.aws.database
    .all("SELECT id FROM sqs_message WHERE queue NOT LIKE '%-dead' ORDER BY id")
    .map(({ id }) => String(id))

const onOneMessage =
  (sql: string): SystemVerb =>
  async (world, model, draw) => {
    const id = pickFrom(messages(world), draw.pick)
    if (id === undefined) return
    world.aws.database.run(sql, ...(sql.includes('? ||') ? [`${model.commands} copy of `, id] : [id]))
  }

/** Seconds: within a back-off, past a visibility, past a merge, past a deadline, past a session of staff, past a day. */
const JUMPS = [1, 31, 61, 130, 301, 601, 3_700, 30_000, 87_000] as const

const terminate: SystemVerb = async (world, _model, draw) => {
  const machines = world.aws.database.all("SELECT id FROM ec2_instance WHERE state = 'running' ORDER BY id")
  const id = pickFrom(machines, draw.pick)?.id
  if (id !== undefined) world.aws.database.run("UPDATE ec2_instance SET state = 'terminated' WHERE id = ?", id)
}

/** Functions look for a key that they do not know at most every five seconds. */
const KEY_LOOK_SECONDS = 6

export const SYSTEM_VERBS: Record<string, SystemVerb> = {
  'deliver launches': onOneCopy((house) => house.workLaunches()),
  'deliver others': onOneCopy((house) => house.workOthers()),
  'deliver twice': onOneMessage(
    'INSERT INTO sqs_message (id, queue, body, visible_at, receives) SELECT ? || id, queue, body, 0, 0 FROM sqs_message WHERE id = ?',
  ),
  'lose a message': onOneMessage('DELETE FROM sqs_message WHERE id = ?'),
  'deliver last first': onOneMessage('UPDATE sqs_message SET visible_at = visible_at - 100000 WHERE id = ?'),
  'let machines run': onOneCopy(async (house) => {
    house.clock.advanceSeconds(2)
    house.aws.machines.advance()
    await house.standIns()
  }),
  'let all run': onOneCopy(async (house) => {
    for (let round = 0; round < 5; round += 1) {
      house.clock.advanceSeconds(2)
      house.aws.machines.advance()
      while ((await house.work()) > 0);
      await house.standIns()
    }
  }),
  reconcile: onOneCopy((house) => house.reconcile()),
  'send mail': onOneCopy((house) => house.sendMail()),
  'advance the clock': async ({ clock }, _model, { pick }) => clock.advanceSeconds(pickFrom(JUMPS, pick) ?? 1),
  'start a copy cold': (world, _model, { via }) => world.restart(via),
  'terminate a machine': terminate,
  'rotate the session keys': async (world, model) => {
    const { secrets } = world.aws.createClients()
    const random = createSeededRandom(`rotation ${model.commands}`)
    const rotated = await rotateSessionKeys({ secrets, random }, 'vestibule/local/session-keys')
    if (!rotated.ok) throw new Error('the session keys could not be rotated')
    model.rotations.push(world.clock.now().getTime())
    world.clock.advanceSeconds(KEY_LOOK_SECONDS)
  },
  'sweep what has expired': async ({ aws }) => aws.sweepExpired(),
  'inject faults': async (world) => world.inject(),
  'heal all': async (world) => world.heal(),
}

/** Statuses move by themselves, and rows that have expired go. Nothing else does. */
const MAY_HAPPEN = /^agent \S+ is \w+ > \w+$|^token \S+ is gone$/
const FROM_THE_DEAD = /^agent \S+ is deleted > |^agent \S+ is deleting > (?!deleted)/

export const makeHappen = async (model: Model, world: ModelWorld, name: string, draw: Draw): Promise<void> => {
  await SYSTEM_VERBS[name]?.(world, model, draw)
  const before = model.facts
  model.facts = await world.readFacts()
  const diff = diffFacts(before, model.facts)
  const unasked = diff.find((change) => !MAY_HAPPEN.test(change))
  if (unasked !== undefined) throw new Error(`${name}: did what nobody asked for: ${unasked}`)
  const risen = diff.find((change) => FROM_THE_DEAD.test(change))
  if (risen !== undefined) throw new Error(`I-14 ${name}: ${risen}`)
  const wrong = judgeWorld(world)
  if (wrong !== null) throw new Error(`${name}: ${wrong}`)
}
