import { createSecretKey } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { Hono } from 'hono'
import { handle } from 'hono/aws-lambda'
import { createPasswordHasher } from '../lambdas/accounts/password-hash.ts'
import { equalsConstantTime, hmacSha256, sha256Hex } from '../lambdas/core/digest.ts'
import { createHttpHandler } from '../lambdas/entry/http-handler.ts'
import { systemRandom } from '../lambdas/core/random.ts'
import { Secret } from '../lambdas/core/secret.ts'
import { buildSite } from '../web/build.ts'
import { createBrowser } from '../test/support/browser.ts'
import { measureCriticalPath } from '../test/support/critical-path.ts'
import { createHarness, CREDENTIALS, PASSWORD } from '../test/support/harness.ts'
import { toGatewayEvent } from '../test/support/lambda.ts'
import { measureColdStarts } from './cold-start.ts'
import { printLaunchPacing } from './launch-pacing.ts'

/**
 * Prints the product's figures. Candidates run in turn, round by round, so that a machine whose speed drifts does not favour
 * one; each round gives a ratio and the median ratio is what counts.
 */

const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0

const timePerCall = async (count: number, run: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now()
  for (let turn = 0; turn < count; turn += 1) await run()
  return ((performance.now() - startedAt) * 1000) / count
}

/** Microseconds a call of each candidate, and the median over the rounds of candidate ÷ anchor. */
const compare = async (
  rounds: number,
  perRound: number,
  anchor: () => Promise<unknown>,
  candidate: () => Promise<unknown>,
): Promise<{ anchor: number; candidate: number; ratio: number }> => {
  const anchors: number[] = []
  const candidates: number[] = []
  await timePerCall(perRound, anchor)
  await timePerCall(perRound, candidate)
  for (let round = 0; round < rounds; round += 1) {
    anchors.push(await timePerCall(perRound, anchor))
    candidates.push(await timePerCall(perRound, candidate))
  }
  return {
    anchor: median(anchors),
    candidate: median(candidates),
    ratio: median(candidates.map((value, index) => value / (anchors[index] ?? 1))),
  }
}

const row = (name: string, measured: string, goal: string): void =>
  console.log(`${name.padEnd(58)} ${measured.padEnd(28)} ${goal}`)

const listEvent = (cookie: string) =>
  toGatewayEvent(new Request('http://localhost:3000/api/agents', { headers: { cookie, 'user-agent': 'bench' } }))

/** "Hono + HMAC cookie + map": the least that an authenticated list can cost. */
const createFloor = async () => {
  const key = createSecretKey(systemRandom.bytes(32))
  const value = systemRandom.bytes(32).toString('base64url')
  const cookie = `${value}.${hmacSha256(key, value).toString('base64url')}`
  const sessions = new Map([[sha256Hex(value), { tenant: 'ten' }]])
  const agents = [{ id: 'agt', name: 'A' }]
  const app = new Hono()
  app.get('/api/agents', (c) => {
    const [body = '', mac = ''] = (c.req.header('cookie') ?? '').replace('session=', '').split('.')
    const genuine = equalsConstantTime(hmacSha256(key, body), Buffer.from(mac, 'base64url'))
    return genuine && sessions.has(sha256Hex(body)) ? c.json({ agents }) : c.json({}, 401)
  })
  const answer = handle(app)
  const event = await listEvent(`session=${cookie}`)
  return () => answer(event)
}

const benchList = async (): Promise<void> => {
  const house = await createHarness({ random: systemRandom })
  // Lines are written in full and then thrown away, as a log pipe would take them.
  house.logs.push = () => 0
  const ana = await house.join(await house.joinAsAdmin(), 'ana@example.com')
  await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
  const cookie = [...ana.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const handler = createHttpHandler(house.app)
  const event = await listEvent(cookie)
  const list = () => handler(event)
  const floor = await createFloor()
  const whole = await compare(15, 150, floor, list)
  row(
    'GET /api/agents ÷ floor, with the AWS SDK and embedded AWS',
    `${whole.ratio.toFixed(1)} (${whole.candidate.toFixed(0)} us)`,
    'shown apart',
  )

  const principal = await house.deps.sessions.read.bind(house.deps.sessions)
  const tenantId = (await ana.get('/api/session')).body.tenant.id
  const page = await house.deps.agents.list(tenantId, { limit: 50 }, false)
  let claimed: Awaited<ReturnType<typeof principal>> | null = null
  const { sessions, agents } = house.deps
  const cachedSessions = {
    ...sessions,
    read: async (claim: Parameters<typeof principal>[0]) => (claimed ??= await principal(claim)),
  }
  Object.assign(house.deps.sessions, cachedSessions)
  Object.assign(agents, { list: async () => page })
  const bare = await compare(25, 300, floor, list)
  row(
    'GET /api/agents ÷ floor, stores in memory',
    `${bare.ratio.toFixed(2)} (${bare.candidate.toFixed(0)} / ${bare.anchor.toFixed(0)} us)`,
    '<= 1.8',
  )
}

const benchCrowd = async (): Promise<void> => {
  const make = async (others: number) => {
    const house = await createHarness({ seed: `crowd ${others}` })
    const ana = await house.join(await house.joinAsAdmin(), 'ana@example.com')
    await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    const { database } = house.aws
    const [own] = database.all("SELECT item FROM ddb_item WHERE tbl = 'vestibule-agents' AND sk LIKE 'AGENT#%'")
    database.transaction(() => {
      for (let index = 0; index < others; index += 1) {
        const tenant = `TENANT#ten_${String(Math.floor(index / 10)).padStart(26, '0')}`
        database.run(
          'INSERT INTO ddb_item (tbl, pk, sk, item) VALUES (?, ?, ?, ?)',
          'vestibule-agents',
          tenant,
          `AGENT#agt_${String(index).padStart(26, '0')}`,
          String(own?.item),
        )
      }
    })
    return () => ana.get('/api/agents')
  }
  const few = await make(10)
  const many = await make(100_000)
  const { ratio } = await compare(15, 60, few, many)
  row('list with 100,000 foreign agents ÷ with 10', ratio.toFixed(2), 'about 1')
}

const benchLogin = async (): Promise<void> => {
  const house = await createHarness()
  await house.join(await house.joinAsAdmin(), 'ana@example.com')
  const hasher = createPasswordHasher(systemRandom)
  const password = new Secret(PASSWORD)
  const stored = await hasher.hash(password)
  Object.assign(house.deps.passwords, hasher)
  const warm = createBrowser(house.app, { address: '192.0.2.1' })
  await warm.post('/api/login', { email: 'ana@example.com', password: PASSWORD })
  let turn = 0
  const login = async () => {
    turn += 1
    const browser = createBrowser(house.app, { address: `198.51.100.${turn}` })
    const reply = await browser.post('/api/login', { email: 'ana@example.com', password: PASSWORD })
    if (reply.status !== 200) throw new Error(`login answered ${reply.status}`)
  }
  const { anchor, candidate, ratio } = await compare(11, 1, () => hasher.verify(password, stored), login)
  row(
    'whole login ÷ bare scrypt (N=2^17)',
    `${ratio.toFixed(3)} (${(candidate / 1000).toFixed(0)} / ${(anchor / 1000).toFixed(0)} ms)`,
    '<= 1.02',
  )
}

/** Every script that a page loads, followed through its imports; what loads later, on a click, is not counted. */
const benchPageWeight = async (): Promise<void> => {
  await buildSite()
  const assets = fileURLToPath(new URL('../dist/web/assets', import.meta.url))
  const scripts = readdirSync(assets).filter((name) => name.endsWith('.js'))
  const read = (name: string) => readFileSync(`${assets}/${name}`, 'utf8')
  const collect = (name: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(name)) return seen
    seen.add(name)
    for (const [, imported = ''] of read(name).matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g))
      collect(imported, seen)
    return seen
  }
  const find = (prefix: string) =>
    scripts
      .filter((name) => name.startsWith(`${prefix}-`))
      .toSorted((left, right) => read(right).length - read(left).length)[0] ?? ''
  for (const page of [
    'join',
    'sign-in',
    'dashboard',
    'onboard',
    'agent',
    'settings',
    'audit',
    'invites',
    'tenants',
    'staff',
    'security',
  ]) {
    const loaded = new Set([...collect(find('main')), ...collect(find(page))])
    const bytes = [...loaded].reduce((sum, name) => sum + gzipSync(read(name), { level: 9 }).length, 0)
    row(`script of the page "${page}", gzipped`, `${(bytes / 1024).toFixed(1)} KiB`, '<= 15')
  }
}

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}\n`)
console.log('AWS round trips in warm functions                          waves / calls                goal')
for (const { operation, waves, calls, goal } of await measureCriticalPath())
  row(`  ${operation}`, `${waves} / ${calls}`, `<= ${goal.waves} / ${goal.calls}`)
console.log('\nRatios, median of interleaved rounds')
await benchList()
await benchCrowd()
await benchLogin()
console.log(
  '\nCold start, fresh process                                  import / first answer ms     whole process ÷ bare Node',
)
for (const { name, importMilliseconds, answerMilliseconds, ratio } of await measureColdStarts())
  row(`  ${name}`, `${importMilliseconds.toFixed(0)} / ${answerMilliseconds.toFixed(0)}`, ratio.toFixed(1))
console.log('')
await printLaunchPacing()
console.log('\nPage weight')
await benchPageWeight()
