import fc from 'fast-check'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { agentSecretName } from '../../lambdas/contract/names.ts'
import type { CredentialKind } from '../../lambdas/contract/credential-kinds.ts'
import { reconcile } from '../../lambdas/provisioning/reconcile.ts'
import type { Browser, Reply } from '../support/browser.ts'
import { CREDENTIALS } from '../support/harness.ts'
import { createHistory, isLinearizable } from './linearize.ts'
import { comeToRest } from './rest.ts'
import { type Explored, type Exploration, explore, ScheduleError, type Stage } from './stage.ts'
import { findViolationsAtRest } from './world.ts'

/** One secret, and one agent with all that works on it at once. */

const copy = fc.nat(2)

interface Owner {
  browser: Browser
  tenantId: string
  agents: number
}

const owners = new WeakMap<Stage, Owner>()
/** A tenant may have ten. */
const AGENTS_PER_OWNER = 9

const ownerAt = async (stage: Stage, number: number): Promise<Owner> => {
  const known = owners.get(stage)
  if (known !== undefined && known.agents < AGENTS_PER_OWNER) {
    known.agents += 1
    return known
  }
  const browser = await stage.house(0).join(stage.admin, `owner${number}@example.com`)
  const { tenant } = (await browser.get('/api/session')).body
  const owner = { browser, tenantId: String(tenant.id), agents: 1 }
  owners.set(stage, owner)
  return owner
}

const onboard = async ({ browser }: Owner, number: number, credentials: object): Promise<string> => {
  const made = await browser.post('/api/agents', { name: `agent ${number}`, credentials })
  if (made.status !== 202) throw new Error(`could not onboard: ${made.text}`)
  return String(made.body.agent.id)
}

type Kept = Partial<Record<CredentialKind, string>>
interface MergeOp {
  patch: Record<string, string | null>
  status: number
}

const merged = (kept: Kept, patch: MergeOp['patch']): Kept => {
  const entries = Object.entries({ ...kept, ...patch }).filter(([, value]) => value !== null)
  return Object.fromEntries(entries.toSorted(([left], [right]) => left.localeCompare(right)))
}

/** A secret, one change after another: it always keeps a credential that a model can use. */
const stepSecret = (kept: Kept, { patch, status }: MergeOp): Kept[] => {
  const next = merged(kept, patch)
  const isUsable = next.claudeCodeToken !== undefined || next.anthropicApiKey !== undefined
  if (status === 200) return isUsable ? [next] : []
  return status === 400 && !isUsable ? [kept] : []
}

const PREFIXES = { claudeCodeToken: 'sk-ant-oat01-', anthropicApiKey: 'sk-ant-api03-', githubToken: 'ghp_' } as const
const change = fc.record({
  kind: fc.constantFrom<keyof typeof PREFIXES>('claudeCodeToken', 'anthropicApiKey', 'githubToken'),
  removes: fc.boolean(),
})
const writer = fc.record({ copy, changes: fc.array(change, { minLength: 1, maxLength: 2 }), again: fc.boolean() })

/** Merges, replacements and removals by all copies at once: answers and what is stored at last fit one order of them. */
export const interleaveMerges = (exploration: Exploration): Promise<Explored> =>
  explore(
    'merge',
    exploration,
    fc.array(writer, { minLength: 2, maxLength: 5 }),
    async (stage, schedule, writers, number) => {
      const owner = await ownerAt(stage, number)
      const initial: Kept = { claudeCodeToken: CREDENTIALS.claudeCodeToken }
      const agentId = await onboard(owner, number, initial)
      const history = createHistory<MergeOp>()
      const write = async (patch: MergeOp['patch'], at: number): Promise<void> => {
        const { status, text } = await history.record(
          () => stage.at(owner.browser, at).patch(`/api/agents/${agentId}/credentials`, patch),
          (reply) => ({ patch, status: reply.status }),
        )
        if (status >= 500) throw new Error(`answered ${text}`)
      }
      const toPatch = (changes: readonly { kind: keyof typeof PREFIXES; removes: boolean }[], label: string) =>
        Object.fromEntries(
          changes.map(({ kind, removes }) => [kind, removes ? null : `${PREFIXES[kind]}${label.padStart(24, '0')}`]),
        )

      await stage.play(
        schedule,
        writers.map(({ copy: at, changes, again }, index) => ({
          name: `writer ${index}`,
          act: async () => {
            await write(toPatch(changes, `a${index}`), at)
            if (again) await write(toPatch(changes.toReversed(), `b${index}`), at + 1)
          },
        })),
      )

      const SecretId = agentSecretName('local', owner.tenantId as never, agentId as never)
      const { SecretString = '{}' } = await stage.aws
        .createClients()
        .secrets.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSCURRENT' }))
      const stored = JSON.stringify(merged({}, JSON.parse(SecretString).credentials))
      if (!isLinearizable(history.calls, initial, stepSecret, (kept) => JSON.stringify(kept) === stored))
        throw new Error(`no order explains ${JSON.stringify(history.calls)} and ${stored}`)
    },
  )

const verb = fc.constantFrom('stop', 'start', 'retry', 'delete')
const launchStory = fc.record({
  /** Where the agent stands when all begin. */
  from: fc.constantFrom('requested', 'booting'),
  verbs: fc.array(fc.record({ verbs: fc.array(verb, { minLength: 1, maxLength: 2 }), copy }), { maxLength: 2 }),
  events: fc.array(fc.constantFrom('duplicate', 'drop', 'reorder', 'late', 'reappear', 'machines', 'terminate'), {
    minLength: 1,
    maxLength: 4,
  }),
  workers: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
  waitsSeconds: fc.constantFrom(0, 61, 130, 700),
})

const liveMachinesOf = (stage: Stage, agentId: string): number =>
  Number(
    stage.aws.database.get(
      "SELECT count(*) AS n FROM ec2_instance WHERE tags LIKE ? AND state NOT IN ('terminated', 'shutting-down')",
      `%${agentId}%`,
    )?.n,
  )

/** What may happen to the events of one agent: all that at-least-once delivery, and its absence, allow. */
const createEvents = (stage: Stage) => {
  const { database } = stage.aws
  let copies = 0
  const again = (sql: string, ...values: string[]): void => {
    copies += 1
    database.run(
      `INSERT INTO sqs_message (id, queue, body, visible_at, receives) ${sql}`,
      ...[`${stage.clock.now().getTime()} copy ${copies}`, ...values],
    )
  }
  const first = database.all("SELECT queue, body FROM sqs_message WHERE queue NOT LIKE '%-dead' AND visible_at < 5e14")
  return {
    duplicate: () => again('SELECT ? || id, queue, body, visible_at, 0 FROM sqs_message WHERE visible_at < 5e14'),
    drop: () =>
      database.run('DELETE FROM sqs_message WHERE id = (SELECT min(id) FROM sqs_message WHERE visible_at < 5e14)'),
    reorder: () =>
      database.run('UPDATE sqs_message SET visible_at = visible_at - length(body) % 7 WHERE visible_at < 5e14'),
    late: () => {
      for (const { queue, body } of first) again('VALUES (?, ?, ?, 0, 0)', String(queue), String(body))
    },
    /** The visibility of what is being worked on ends: it is handed out a second time. */
    reappear: () => stage.clock.advanceSeconds(31),
    machines: () => stage.aws.machines.advance(),
    terminate: () => database.run("UPDATE ec2_instance SET state = 'terminated' WHERE state = 'running'"),
  }
}

/** Keeps what one schedule leaves in the queues away from the next ones, until all of them come to rest. */
const setAside = (stage: Stage): void =>
  void stage.aws.database.run('UPDATE sqs_message SET visible_at = visible_at + 1e15 WHERE visible_at < 5e14')
const takeBack = (stage: Stage): void =>
  void stage.aws.database.run('UPDATE sqs_message SET visible_at = visible_at - 1e15 WHERE visible_at >= 5e14')

/** Reconciles as the schedule does, but looks after one agent alone: the others of this stage are other schedules'. */
const reconcileOnly = (stage: Stage, at: number, agentId: string) => {
  const { provisioning } = stage.house(at)
  const { agents } = provisioning
  const only = async (listed: ReturnType<typeof agents.listDue>) =>
    (await listed).filter((agent) => agent.agentId === agentId)
  return reconcile({
    ...provisioning,
    agents: {
      ...agents,
      listDue: (...input) => only(agents.listDue(...input)),
      listInLine: (...input) => only(agents.listInLine(...input)),
    },
  })
}

const SCHEDULES_PER_REST = 40
const beganAs = new Map<string, number>()

const judgeRest = async (stage: Stage): Promise<void> => {
  takeBack(stage)
  const violations = (await comeToRest(stage.house(0), { standIns: false })) ? [] : ['I-18 does not come to rest']
  violations.push(...(await findViolationsAtRest(stage.aws, [])))
  const [first] = violations.filter((violation) => !violation.includes('provisioner-dead'))
  if (first === undefined) return
  const agentId = /agt_\w{26}/.exec(first)?.[0] ?? ''
  throw new ScheduleError(violations.join('\n'), beganAs.get(agentId))
}

interface VerbCall {
  verb: string
  reply: Reply
  startedAt: number
  endedAt: number
}

/** Every acknowledged verb is one event of the trail, and their order there keeps to when they were asked and answered. */
const judgeTrail = (stage: Stage, agentId: string, calls: readonly VerbCall[]): void => {
  const events = stage.aws.database
    .all("SELECT item FROM ddb_item WHERE tbl = 'vestibule-audit' AND item LIKE ?", `%${agentId}%`)
    .map(({ item }) => unmarshall(JSON.parse(String(item))))
  const placed = calls
    .filter(({ reply }) => reply.status === 202)
    .map((call) => {
      const own = events.filter(({ detail }) => detail.requestId === call.reply.headers.get('x-request-id'))
      const isRepeat = call.verb === 'delete' && own.length === 0
      if (own.length !== 1 && !isRepeat) throw new Error(`I-21 ${call.verb} has ${own.length} events`)
      return { ...call, sequence: Number(own[0]?.sequence ?? Number.POSITIVE_INFINITY) }
    })
  for (const before of placed) {
    for (const after of placed) {
      if (before.endedAt < after.startedAt && before.sequence > after.sequence)
        throw new Error(`${after.verb} was asked after ${before.verb} was answered, and stands before it`)
    }
  }
}

/**
 * A launch with everything that may come between: two workers, the reconciler, events twice, late or never, machines that end,
 * and the tenant's own calls. Never two live machines of one agent; at rest none that is nobody's.
 */
export const interleaveLaunches = (exploration: Exploration): Promise<Explored> =>
  explore('launch', exploration, launchStory, async (stage, schedule, story, number) => {
    const owner = await ownerAt(stage, number)
    const agentId = await onboard(owner, number, { claudeCodeToken: CREDENTIALS.claudeCodeToken })
    beganAs.set(agentId, number)
    const events = createEvents(stage)
    if (story.from === 'booting') await stage.house(0).work()
    const history = createHistory<{ verb: string; reply: Reply }>()
    const countMachines = (): void => {
      const live = liveMachinesOf(stage, agentId)
      if (live > 1) throw new ScheduleError(`I-15 ${agentId} has ${live} live machines`, number)
    }
    const call = async (which: string, at: number): Promise<void> => {
      const browser = stage.at(owner.browser, at)
      const path = `/api/agents/${agentId}`
      const reply = await history.record(
        () => (which === 'delete' ? browser.del(path) : browser.post(`${path}/${which}`)),
        (answer) => ({ verb: which, reply: answer }),
      )
      if (reply.status !== 202 && reply.status !== 409) throw new Error(`${which} was answered ${reply.text}`)
    }

    await stage.play(
      schedule,
      [
        ...story.workers.map((rounds, at) => ({
          name: `worker ${at}`,
          act: async () => {
            for (let round = 0; round < rounds; round += 1) await stage.house(at).work()
          },
        })),
        {
          name: 'reconciler',
          act: async () => {
            stage.clock.advanceSeconds(story.waitsSeconds)
            await reconcileOnly(stage, 2, agentId)
          },
        },
        {
          name: 'events',
          act: async () => {
            for (const event of story.events) {
              events[event]()
              await stage.pause()
            }
          },
        },
        ...story.verbs.map(({ verbs, copy: at }, index) => ({
          name: `tenant ${index}`,
          act: async () => {
            for (const which of verbs) await call(which, at)
          },
        })),
      ],
      (operation) => {
        if (operation === 'RunInstances' || operation === 'StartInstances') countMachines()
      },
    )

    countMachines()
    judgeTrail(
      stage,
      agentId,
      history.calls.map(({ op, ...times }) => ({ ...op, ...times })),
    )
    setAside(stage)
    if (number % SCHEDULES_PER_REST === 0 || number === exploration.schedules) await judgeRest(stage)
  })
