import { readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Browser, createBrowser, type Reply } from '../test/support/browser.ts'
import { createDice, type Dice } from '../test/support/dice.ts'
import { CREDENTIALS, PASSWORD } from '../test/support/harness.ts'
import { freePort, type RunningProduct, startProduct } from '../test/support/running-product.ts'
import { watchHeldMemory } from './held-memory.ts'
import { fitLine } from './linear-fit.ts'

/**
 * A closed loop of mixed traffic against `npm start` as a child of this process, over loopback alone: so many clients, each of
 * whom asks again when it has its answer. Ends by count or by time, whichever is first.
 */

const CLIENTS = 8
const MAX_REQUESTS = 20_000
const MAX_SECONDS = 60
const SAMPLE_MILLISECONDS = 250
/** What is loaded, compiled and pooled in the first part is no growth. */
const WARM_UP_SHARE = 1 / 3
/** What is held may rise by so much over the rest: caches that fill slowly, no more. */
const TOLERATED_RISE = 0.1
const HELD_SAMPLE_SECONDS = 2

interface Scene {
  admin: Browser
  clients: { browser: Browser; email: string; agentIds: string[] }[]
}

type Task = (scene: Scene, client: Scene['clients'][number], dice: Dice) => Promise<Reply>

const replaceToken = (dice: Dice) => ({ githubToken: `ghp_${dice.text(36, 'abcdefghijklmnop0123456789')}` })

const onboardAndDelete: Task = async (_scene, { browser }, dice) => {
  const made = await browser.post('/api/agents', {
    name: `Passing ${dice.text(8, 'abcdefghijklmnop')}`,
    credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken },
  })
  if (made.status === 202) await browser.del(`/api/agents/${made.body.agent.id}`)
  return made
}

/** What is asked for, with how often in a thousand. Sign-ins are few: each is a real scrypt, and a minute has twenty for one address. */
const TASKS: readonly [name: string, perMille: number, task: Task][] = [
  ['who am I', 400, (_scene, { browser }) => browser.get('/api/session')],
  ['list agents', 250, (_scene, { browser }) => browser.get('/api/agents')],
  ['read an agent', 120, (_scene, { browser, agentIds }, dice) => browser.get(`/api/agents/${dice.pick(agentIds)}`)],
  ['read the trail', 80, (_scene, { browser }) => browser.get('/api/audit?limit=20')],
  ['list invites', 60, ({ admin }) => admin.get('/api/admin/invites?limit=20')],
  [
    'invite',
    40,
    ({ admin }, _client, dice) =>
      admin.post('/api/admin/invites', { email: `${dice.text(16, 'abcdefghijklmnop')}@example.com` }),
  ],
  ['refused: no admin', 22, (_scene, { browser }) => browser.get('/api/admin/tenants')],
  [
    'change credentials',
    15,
    (_scene, { browser, agentIds }, dice) =>
      browser.patch(`/api/agents/${dice.pick(agentIds)}/credentials`, replaceToken(dice)),
  ],
  ['onboard and delete', 12, onboardAndDelete],
  ['sign in', 1, (_scene, { browser, email }) => browser.post('/api/login', { email, password: PASSWORD })],
]
const WHEEL = TASKS.flatMap(([name, perMille, task]) => Array.from({ length: perMille }, () => ({ name, task })))

const must = (what: string, status: number, reply: Reply): Reply => {
  if (reply.status === status) return reply
  throw new Error(`${what} answered ${reply.status} ${reply.text}`)
}

const codeOf = (link: string): string => link.split('#')[1] ?? ''

const join = async (product: RunningProduct, link: string, email: string): Promise<Browser> => {
  const browser = createBrowser({ fetch: (request: Request) => fetch(request) }, { origin: product.url })
  must(email, 201, await browser.post('/api/signup', { invite: codeOf(link), email, password: PASSWORD }))
  return browser
}

const untilReady = async (browser: Browser): Promise<void> => {
  for (let tries = 0; tries < 200; tries += 1) {
    const { agents } = (await browser.get('/api/agents')).body
    if (agents.every(({ status }: { status: string }) => status === 'ready')) return
    await sleep(200)
  }
  throw new Error('the agents did not get ready')
}

const setTheScene = async (product: RunningProduct): Promise<Scene> => {
  const admin = await join(product, product.adminInviteLink, 'admin@example.com')
  const clients: Scene['clients'] = []
  for (let number = 0; number < CLIENTS; number += 1) {
    const email = `client${number}@example.com`
    const { link } = must('invite', 201, await admin.post('/api/admin/invites', { email })).body
    const browser = await join(product, link, email)
    const agentIds: string[] = []
    for (const name of ['One', 'Two', 'Three']) {
      const credentials = { claudeCodeToken: CREDENTIALS.claudeCodeToken }
      agentIds.push(must('onboard', 202, await browser.post('/api/agents', { name, credentials })).body.agent.id)
    }
    clients.push({ browser, email, agentIds })
  }
  for (const { browser } of clients) await untilReady(browser)
  return { admin, clients }
}

const residentMegabytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024

interface Sample {
  x: number
  y: number
}

/** Answers' times by task, statuses, and the server's memory by seconds since the start: what is resident, and what is held. */
const run = async (product: RunningProduct, scene: Scene, readHeld: () => Promise<number>) => {
  const milliseconds = new Map<string, number[]>(TASKS.map(([name]) => [name, []]))
  const byStatus: Record<string, number> = {}
  const resident: Sample[] = []
  const held: Sample[] = []
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1000
  let asked = 0
  const sampling = setInterval(
    () => resident.push({ x: seconds(), y: residentMegabytes(product.pid) }),
    SAMPLE_MILLISECONDS,
  )

  const loop = async (client: Scene['clients'][number], number: number): Promise<void> => {
    const dice = createDice(`load ${number}`)
    while (asked < MAX_REQUESTS && seconds() < MAX_SECONDS) {
      asked += 1
      const { name, task } = dice.pick(WHEEL)
      const before = performance.now()
      const { status } = await task(scene, client, dice).catch(() => ({ status: 'no answer' }))
      milliseconds.get(name)?.push(performance.now() - before)
      byStatus[status] = (byStatus[status] ?? 0) + 1
    }
  }
  let isOver = false
  const watch = async (): Promise<void> => {
    while (!isOver) {
      held.push({ x: seconds(), y: await readHeld() })
      await sleep(HELD_SAMPLE_SECONDS * 1000)
    }
  }
  const watching = watch()
  await Promise.all(scene.clients.map(loop))
  isOver = true
  clearInterval(sampling)
  await watching
  return { asked, seconds: seconds(), milliseconds, byStatus, resident, held }
}

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((left, right) => left - right)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0

const row = (name: string, ...columns: (string | number)[]): void =>
  console.log(`${name.padEnd(24)}${columns.map((column) => String(column).padStart(12)).join('')}`)

const fixed = (value: number): string => value.toFixed(1)

/** Whether what is held rose after the warm-up, by more than is tolerated and by more than chance explains. */
const judgeMemory = ({ resident, held, seconds }: Awaited<ReturnType<typeof run>>): boolean => {
  const from = seconds * WARM_UP_SHARE
  const after = held.filter(({ x }) => x >= from)
  const { slope, slopeError, at } = fitLine(after)
  const rise = (slope * (seconds - from)) / at(from)
  const grew = rise > TOLERATED_RISE && slope > 2 * slopeError
  const residentAt = (moment: number) => fixed(resident.find(({ x }) => x >= moment)?.y ?? resident.at(-1)?.y ?? 0)
  console.log(
    `\nResident: ${residentAt(0)} MB at the start, ${residentAt(from)} after the warm-up of ${fixed(from)} s, ${residentAt(seconds)} at the end, ${fixed(Math.max(...resident.map(({ y }) => y)))} at most`,
  )
  console.log(
    `Held after collecting: ${fixed(at(from))} MB after the warm-up, ${fixed(at(seconds))} at the end; a line through ${after.length} samples rises by ${(slope * 60).toFixed(2)} ± ${(slopeError * 120).toFixed(2)} MB a minute.`,
  )
  console.log(
    `Memory ${grew ? 'GREW' : 'did not grow'} after the warm-up (${fixed(rise * 100)} %; more than ${TOLERATED_RISE * 100} %, and more than chance, counts as growth).`,
  )
  return grew
}

const report = (result: Awaited<ReturnType<typeof run>>): boolean => {
  const { asked, seconds, milliseconds, byStatus } = result
  const all = [...milliseconds.values()].flat()
  console.log(
    `${asked} calls by ${CLIENTS} clients in ${fixed(seconds)} s: ${Math.round(asked / seconds)} a second, on ${availableParallelism()} cores that the clients share with the server\n`,
  )
  row('', 'calls', 'p50 ms', 'p99 ms', 'max ms')
  for (const [name, values] of [['all', all] as const, ...milliseconds])
    row(name, values.length, ...[0.5, 0.99, 1].map((share) => fixed(quantile(values, share))))
  console.log(
    `\nAnswers by status: ${Object.entries(byStatus)
      .map(([status, count]) => `${status}: ${count}`)
      .join(', ')}`,
  )
  const grew = judgeMemory(result)
  const broken = Object.entries(byStatus).filter(([status]) => !/^[234]/.test(status))
  if (broken.length > 0) console.log(`Answers that must not be: ${JSON.stringify(Object.fromEntries(broken))}`)
  return !grew && broken.length === 0
}

const inspectorPort = await freePort()
process.env.NODE_OPTIONS = `--inspect=127.0.0.1:${inspectorPort}`
const product = await startProduct()
const memory = await watchHeldMemory(inspectorPort)
try {
  const scene = await setTheScene(product)
  if (!report(await run(product, scene, memory.read))) process.exitCode = 1
} finally {
  memory.close()
  await product.stop()
  rmSync(product.directory, { recursive: true, force: true })
}
