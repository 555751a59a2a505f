import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { PUBLIC_CASES } from '../abuse/public-cases.ts'
import { replay } from './interleavings.ts'
import { type Done, FAULT_RATE, type Task } from './worker.ts'
import { WORKFLOWS } from './workflows.ts'

/**
 * `npm run faults`: the full forms of what `npm test` does in small, and a table of goals and what was measured. `--only` names
 * rows, `--scale 0.1` does a tenth of each that is counted, `--replay` does one schedule or run of commands again. Ends with 1
 * when something did not hold.
 */

const HELP = `npm run faults [-- --only sweep,pairs,…] [--scale 0.1] [--seed 1] [--replay what a violation says]

  rows: sweep, pairs, model, redeem, merges, fuzz, launches, revocations, defects, cases
`

interface Measured {
  text: string
  holds: boolean
  failures: readonly string[]
}

interface Row {
  key: string
  figure: string
  goal: string
  measure: (scale: number, seed: number) => Promise<Measured>
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const thousands = (count: number): string => count.toLocaleString('en')

/** Gives tasks to as many threads as there are cores, each its next when it is done. */
const share = async (tasks: readonly Task[]): Promise<Done> => {
  const waiting = [...tasks]
  const total: Done = { tried: 0, failures: [] }
  const runOne = async (): Promise<void> => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url))
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      worker.postMessage(task)
      const [done]: Done[] = await once(worker, 'message')
      total.tried += done?.tried ?? 0
      total.failures.push(...(done?.failures ?? ['a thread said nothing']))
    }
    await worker.terminate()
  }
  await Promise.all(Array.from({ length: availableParallelism() }, runOne))
  return total
}

const survived = ({ tried, failures }: Done, what: string): Measured => ({
  text: `${thousands(tried - failures.length)} of ${thousands(tried)} ${what}`,
  holds: failures.length === 0,
  failures,
})

const inShares = async (count: number, shares: number, toTask: (count: number, share: number) => Task): Promise<Done> =>
  share(Array.from({ length: shares }, (_, number) => toTask(Math.ceil(count / shares), number)))

const schedules =
  (kind: 'launch' | 'revocation', count: number): Row['measure'] =>
  async (scale, seed) => {
    const wanted = Math.ceil(count * scale)
    const done = await inShares(wanted, 10, (each, number) => ({ kind, schedules: each, seed: seed * 1000 + number }))
    return survived(done, 'schedules')
  }

const CASE_REPORT = 'test-report/abuse-cases.txt'

/** Which abuse cases the tests that a command runs say passed, and which did not. */
const casesOf = (config: string): { passed: string[]; failed: string[] } => {
  rmSync(CASE_REPORT, { force: true })
  spawnSync('vitest', ['run', '--config', config], { stdio: 'ignore' })
  if (!existsSync(CASE_REPORT)) return { passed: [], failed: [] }
  const lines = readFileSync(CASE_REPORT, 'utf8').trim().split('\n')
  const having = (how: string) =>
    lines.filter((line) => line.endsWith(` ${how}`)).map((line) => line.split(' ')[0] ?? '')
  return { passed: having('passed'), failed: having('FAILED') }
}

const ROWS: readonly Row[] = [
  {
    key: 'sweep',
    figure: 'single crash points and call faults survived',
    goal: 'all of all',
    measure: async () =>
      survived(await share(WORKFLOWS.map(({ name }) => ({ kind: 'sweep', workflow: name }))), 'survived'),
  },
  {
    key: 'pairs',
    figure: 'double faults, sampled',
    goal: '≥ 10,000, 0 violations',
    measure: async (scale, seed) =>
      survived(
        await inShares(10_000 * scale, 10, (count, number) => ({ kind: 'pairs', count, seed: `${seed} ${number}` })),
        'survived',
      ),
  },
  {
    key: 'model',
    figure: 'random commands at 5 % fault rate',
    goal: '≥ 100,000, 0 violations, full convergence',
    measure: async (scale, seed) =>
      survived(
        await inShares(100_000 * scale, 40, (commands, number) => ({
          kind: 'model',
          commands,
          // Each run of a share takes the next seed.
          seed: seed * 1_000_000 + number * 10_000,
        })),
        'commands',
      ),
  },
  {
    key: 'redeem',
    figure: '1,000-way redeem of one invite',
    goal: 'exactly 1 account, 0 × 5xx',
    measure: async (_scale, seed) => {
      const { redeemAtOnce } = await import('./redeem.ts')
      const { tried, accounts, created, serverErrors } = await redeemAtOnce(1_000, { seed: String(seed) })
      return {
        text: `${accounts} account, ${created} × 201, ${serverErrors} × 5xx of ${thousands(tried)}`,
        holds: accounts === 1 && created === 1 && serverErrors === 0,
        failures: [],
      }
    },
  },
  {
    key: 'merges',
    figure: '200 concurrent merges of distinct keys',
    goal: 'every acknowledged key kept, ≥ 95 % acknowledged, ≤ 100 versions',
    measure: async (_scale, seed) => {
      const { mergeDistinctKeys } = await import('./merges.ts')
      const { tried, acknowledged, lost, versions } = await mergeDistinctKeys(200, { seed: String(seed) })
      return {
        text: `${acknowledged} of ${tried} acknowledged, ${lost} lost, ${versions} versions`,
        holds: lost === 0 && acknowledged >= tried * 0.95 && versions <= 100,
        failures: [],
      }
    },
  },
  {
    key: 'fuzz',
    figure: 'fuzzed requests',
    goal: '≥ 100,000: 0 × 5xx, 0 hangs, 0 leaked 8-byte windows',
    measure: async (scale, seed) => {
      const { fuzz, replayLine } = await import('./fuzz.ts')
      const { requests, events, violations } = await fuzz({
        requests: Math.ceil(100_000 * scale),
        seed: String(seed),
        workers: availableParallelism(),
      })
      return {
        text: `${thousands(requests)} requests, ${thousands(events)} events: ${violations.length} violations`,
        holds: violations.length === 0,
        failures: violations.map((violation) => `${replayLine(violation)}  ${violation.what}`),
      }
    },
  },
  {
    key: 'launches',
    figure: 'launches under schedules with duplicates',
    goal: '10,000: ≤ 1 live instance per agent, 0 orphans at rest',
    measure: schedules('launch', 10_000),
  },
  {
    key: 'revocations',
    figure: 'revocation interleavings',
    goal: '10,000: no call accepted after the 2xx',
    measure: schedules('revocation', 10_000),
  },
  {
    key: 'defects',
    figure: 'seeded defects caught',
    goal: '30 of 30, each by a named test',
    measure: async () => {
      const { stdout, status } = spawnSync('node', ['test/defects/run.ts'], { encoding: 'utf8' })
      const last = stdout.trim().split('\n').at(-1) ?? ''
      return { text: last, holds: status === 0, failures: status === 0 ? [] : [stdout] }
    },
  },
  {
    key: 'cases',
    figure: 'public abuse cases, by id',
    goal: 'all, on the local server and on Lambda events',
    measure: async () => {
      const runs = ['vitest.config.ts', 'test/e2e/vitest.config.ts'].map(casesOf)
      const failed = new Set(runs.flatMap((run) => run.failed))
      const passed = new Set(runs.flatMap((run) => run.passed))
      const missing = PUBLIC_CASES.filter((id) => failed.has(id) || !passed.has(id))
      const text = `${PUBLIC_CASES.length - missing.length} of ${PUBLIC_CASES.length} passed`
      return { text, holds: missing.length === 0, failures: missing.map((id) => `${id} did not pass`) }
    },
  },
]

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    scale: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    replay: { type: 'string' },
    help: { type: 'boolean' },
  },
})
const wanted = values.only?.split(',') ?? ROWS.map(({ key }) => key)
const unknown = wanted.filter((key) => !ROWS.some((row) => row.key === key))
if (values.help === true || unknown.length > 0) {
  process.stdout.write(HELP)
  process.exit(values.help === true ? 0 : 2)
}

if (values.replay !== undefined) {
  const violated = await replay(values.replay, { faultRate: FAULT_RATE })
  say(violated.join('\n') || 'Nothing is violated.')
  process.exit(violated.length === 0 ? 0 : 1)
}

const lines: string[] = []
let holds = true
for (const row of ROWS.filter(({ key }) => wanted.includes(key))) {
  const startedAt = performance.now()
  const measured = await row.measure(Number(values.scale), Number(values.seed))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  for (const failure of measured.failures.slice(0, 20)) say(failure)
  lines.push(`| ${row.figure} | ${row.goal} | ${measured.text} |${measured.holds ? '' : ' **not reached**'}`)
  say(`${row.key}: ${measured.text} (${seconds} s)`)
  holds &&= measured.holds
}
say(`\nSeed ${values.seed}, scale ${values.scale}\n\n| figure | goal | measured |\n|---|---|---|\n${lines.join('\n')}`)
process.exitCode = holds ? 0 : 1
