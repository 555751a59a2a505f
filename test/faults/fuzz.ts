import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { createDice, type Dice } from '../support/dice.ts'
import { dumpAws } from '../support/sinks.ts'
import { createAppDoor, createLambdaDoor, type FuzzAnswer, type FuzzDoor, openSocketDoor } from './fuzz-doors.ts'
import { createEventFuzz } from './fuzz-events.ts'
import { judge, judgeRaw } from './fuzz-judge.ts'
import { createRequest, type FuzzRequest } from './fuzz-requests.ts'
import { createFuzzWorld, type FuzzWorld, SESSION_COOKIE } from './fuzz-world.ts'

const REQUESTS_PER_WORLD = 2_000
const REQUESTS_PER_TENDING = 100
const REQUESTS_PER_SEARCH = 500
const REQUEST_LIMIT_MILLISECONDS = 15_000
const MAX_VIOLATIONS = 40

export interface FuzzViolation {
  /** What to give `replay`. */
  seed: string
  request: number
  what: string
  summary: string
}

export interface FuzzResult {
  seed: string
  requests: number
  events: number
  worlds: number
  byStatus: Record<number, number>
  planted: number
  searchedBytes: number
  violations: FuzzViolation[]
  seconds: number
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const TIMED_OUT = Symbol('timed out')

const within = async <T>(milliseconds: number, task: Promise<T>): Promise<T | typeof TIMED_OUT> => {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<typeof TIMED_OUT>((resolve) => {
    timer = setTimeout(resolve, milliseconds, TIMED_OUT)
  })
  const first = await Promise.race([task, limit])
  clearTimeout(timer)
  return first
}

/** Closing the support path is answered when the provisioner has done so: here it works while the call waits. */
const withProvisioner = async <T>({ house }: FuzzWorld, { target }: FuzzRequest, task: Promise<T>): Promise<T> => {
  if (!target.includes('/support-access')) return task
  let isDone = false
  const end = () => {
    isDone = true
  }
  void task.then(end, end)
  while (!isDone) {
    await house.work()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return task
}

const summarise = (
  { caller, method, target, headers, body }: FuzzRequest,
  door: string,
  answer: FuzzAnswer | null,
): string =>
  [
    `${caller.name} over ${door}: ${method} ${target.slice(0, 300)}`,
    `headers ${JSON.stringify(headers).slice(0, 600)}`,
    `body ${JSON.stringify(body?.toString().slice(0, 400))}`,
    `answer ${answer?.status} ${answer?.text.slice(0, 300)}`,
  ].join('\n    ')

/** Learns ids, codes and cursors for later requests, and plants what was shown to nobody but this caller. */
const learn = (
  { planted, pools, passwordOf, noteRole }: FuzzWorld,
  { caller, method, target, body }: FuzzRequest,
  answer: FuzzAnswer,
): void => {
  for (const cookie of answer.setCookies) {
    const [name, value = ''] = (cookie.split(';')[0] ?? '').split('=')
    if (name === SESSION_COOKIE) planted.cookie(value)
  }
  if (answer.status >= 300 || !answer.text.startsWith('{')) {
    if (answer.status === 204 && method === 'POST' && target.startsWith('/api/password'))
      passwordOf[caller.person ?? ''] = JSON.parse(body?.toString() ?? '{}').newPassword
    return
  }
  const said = JSON.parse(answer.text)
  pools.add('cursors', said.nextCursor)
  if (caller.tenant !== null) pools.add(`agents of ${caller.tenant}`, said.agent?.id)
  pools.add('accounts', said.account?.id)
  if (method === 'PATCH') noteRole(said.account?.id, said.account?.role)
  for (const session of said.sessions ?? []) pools.add('sessions', session.id)
  pools.add('tokens', said.token?.id)
  pools.add('invites', said.invite?.id)
  if (typeof said.secret === 'string') planted.token(said.secret)
  if (typeof said.link === 'string') {
    planted.code(said.link)
    pools.add('codes', `${said.link.split('#')[1]} ${said.invite.email}`)
  }
}

/** What was written past the logger is searched like a log. */
const catchOutput = (): { lines: string[]; restore: () => void } => {
  const lines: string[] = []
  const { console: output } = globalThis
  const names = ['log', 'info', 'warn', 'error'] as const
  const before = names.map((name) => output[name])
  for (const name of names) {
    output[name] = (...values: unknown[]) => {
      lines.push(
        values
          .map((value) => (value instanceof Error ? `${value.stack} ${JSON.stringify(value)}` : String(value)))
          .join(' '),
      )
    }
  }
  return {
    lines,
    restore: () => {
      for (const [at, name] of names.entries()) output[name] = before[at] ?? output[name]
    },
  }
}

/** Looks through logs, tables, queues, objects and secrets for anything planted. Returns how much was read. */
const search = (
  { house, planted }: FuzzWorld,
  output: string[],
  report: (what: string, summary: string) => void,
): number => {
  let read = 0
  for (const line of [...house.logs.splice(0), ...output.splice(0)]) {
    read += line.length
    const found = planted.find(line)
    if (found !== null) report(`a log holds ${found}`, line.slice(0, 400))
  }
  for (const [table, rows] of Object.entries(dumpAws(house.aws))) {
    for (const row of rows) {
      read += JSON.stringify(row).length
      const found = planted.findIn(row)
      if (found !== null) report(`${table} holds ${found}`, JSON.stringify(row).slice(0, 600))
    }
  }
  return read
}

const openDoors = async (world: FuzzWorld, dice: Dice) => {
  const app = createAppDoor(world.house.app)
  const lambda = createLambdaDoor(world.house.app, dice)
  const socket = await openSocketDoor(world.house.app, dice)
  return {
    pick: (): FuzzDoor => (dice.chance(0.04) ? socket : dice.chance(0.5) ? lambda : app),
    lambda,
    close: socket.close,
  }
}

/** One world and its requests: everything in it follows from the seed. A failure is replayed by giving seed and number. */
export const replay = async (seed: string, requests: number): Promise<FuzzResult> => {
  const startedAt = performance.now()
  const dice = createDice(seed)
  const world = await createFuzzWorld(seed, dice)
  const doors = await openDoors(world, dice)
  const fuzzEvents = createEventFuzz(world, dice)
  const output = catchOutput()
  const result: FuzzResult = { ...nothingYet(seed), worlds: 1 }
  const report = (what: string, summary: string): void => {
    if (result.violations.length < MAX_VIOLATIONS)
      result.violations.push({ seed, request: result.requests, what, summary })
  }

  const judgeAnswer = (request: FuzzRequest, door: FuzzDoor, answer: FuzzAnswer | null): void => {
    const found =
      door.name === 'socket' ? judgeRaw(answer) : answer === null ? ['is missing'] : judge(request, answer, world)
    const leak =
      answer === null ? null : (world.planted.find(answer.text) ?? world.planted.find(withoutNewCookies(answer)))
    if (leak !== null) found.push(`an answer holds ${leak}`)
    for (const what of found) report(what, summarise(request, door.name, answer))
    if (answer === null) return
    result.byStatus[answer.status] = (result.byStatus[answer.status] ?? 0) + 1
    learn(world, request, answer)
  }

  const ask = async (): Promise<void> => {
    result.requests += 1
    const request = await createRequest(world, dice)
    const address = `198.51.100.${dice.number(250)}`
    let door = doors.pick()
    let sent: FuzzAnswer | null | typeof TIMED_OUT = null
    try {
      sent = await within(REQUEST_LIMIT_MILLISECONDS, withProvisioner(world, request, door.send(request, address)))
      if (sent === null && door.name === 'app') {
        door = doors.lambda
        sent = await within(REQUEST_LIMIT_MILLISECONDS, door.send(request, address))
      }
    } catch (error) {
      report(`threw ${error instanceof Error ? error.stack : String(error)}`, summarise(request, door.name, null))
      return
    }
    if (sent === TIMED_OUT) report('hangs', summarise(request, door.name, null))
    else judgeAnswer(request, door, sent)
  }

  try {
    while (result.requests < requests) {
      await ask()
      if (dice.chance(0.05)) {
        result.events += 1
        const { summary, found } = await fuzzEvents()
        for (const what of found) report(what, summary)
      }
      if (result.requests % REQUESTS_PER_SEARCH === 0) result.searchedBytes += search(world, output.lines, report)
      if (result.requests % REQUESTS_PER_TENDING === 0 && !(await world.tend())) break
    }
    const { failed } = await world.house.reconcile()
    if (failed > 0) report('the reconciler fails', '')
    result.searchedBytes += search(world, output.lines, report)
  } finally {
    output.restore()
    await doors.close()
    world.house.aws.close()
  }
  result.planted = world.planted.size()
  result.seconds = (performance.now() - startedAt) / 1000
  return result
}

const withoutNewCookies = ({ headerText }: FuzzAnswer): string =>
  headerText
    .split('\n')
    .filter((line) => !line.startsWith('set-cookie:'))
    .join('\n')

const add = (total: FuzzResult, one: FuzzResult): void => {
  for (const key of ['requests', 'events', 'worlds', 'planted', 'searchedBytes', 'seconds'] as const)
    total[key] += one[key]
  for (const [status, count] of Object.entries(one.byStatus))
    total.byStatus[Number(status)] = (total.byStatus[Number(status)] ?? 0) + count
  total.violations.push(...one.violations)
}

/** The command that shows a violation again. */
export const replayLine = ({ seed, request }: FuzzViolation): string => `node test/faults/fuzz.ts '${seed}' ${request}`

const nothingYet = (seed: string): FuzzResult => ({
  seed,
  requests: 0,
  events: 0,
  worlds: 0,
  byStatus: {},
  planted: 0,
  searchedBytes: 0,
  violations: [],
  seconds: 0,
})

const replayElsewhere = (seed: string, requests: number): Promise<FuzzResult> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { seed, requests } })
    worker.once('message', resolve)
    worker.once('error', reject)
  })

/**
 * Requests and events of every kind by every kind of caller, in as many worlds as it takes: world n of a seed is the same
 * whatever ran before it. `workers` is how many worlds run at a time, each in a thread of its own.
 */
export const fuzz = async (options: { requests: number; seed: string; workers?: number }): Promise<FuzzResult> => {
  const startedAt = performance.now()
  const { requests, seed, workers = availableParallelism() } = options
  const total = nothingYet(seed)
  let begun = 0
  const run = async (): Promise<void> => {
    while (total.requests < requests && total.violations.length < MAX_VIOLATIONS) {
      const world = `${seed}/${begun}`
      begun += 1
      add(total, await (workers === 1 ? replay : replayElsewhere)(world, Math.min(REQUESTS_PER_WORLD, requests)))
    }
  }
  await Promise.all(Array.from({ length: workers }, run))
  return { ...total, seconds: (performance.now() - startedAt) / 1000 }
}

export const describeFuzz = (result: FuzzResult): string => {
  const perSecond = Math.round(result.requests / result.seconds)
  const statuses = Object.entries(result.byStatus).map(([status, count]) => `${status}: ${count}`)
  return [
    `Seed ${result.seed}: ${result.requests} requests and ${result.events} events in ${result.worlds} worlds, ${perSecond} a second (${statuses.join(', ')})`,
    `${result.planted} values planted, ${(result.searchedBytes / 1e6).toFixed(0)} MB searched, ${result.violations.length} violations`,
    ...result.violations.map((one) => `\n${one.what}\n    ${one.summary}\n    again: ${replayLine(one)}`),
  ].join('\n')
}

if (!isMainThread && typeof workerData?.seed === 'string') {
  parentPort?.postMessage(await replay(workerData.seed, workerData.requests))
} else if (import.meta.main) {
  const [seed = 'vestibule', count = String(REQUESTS_PER_WORLD)] = process.argv.slice(2)
  say(describeFuzz(await replay(seed, Number(count))))
}
