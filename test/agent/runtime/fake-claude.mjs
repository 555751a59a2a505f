// Stands in for Claude Code: what it was started with goes to `calls.jsonl` beside it; what it does follows from the prompt.
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const beside = dirname(fileURLToPath(import.meta.url))
const note = (entry) => appendFileSync(join(beside, 'calls.jsonl'), `${JSON.stringify(entry)}\n`)

const args = process.argv.slice(2)
const id = args.at(-1)
const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const prompt = Buffer.concat(chunks).toString('utf8')
note({ at: 'start', args, env: { ...process.env }, folder: process.cwd(), prompt })

const sessions = join(process.env.HOME, '.claude')
const session = join(sessions, id)
const choice = args.at(-2)
if (existsSync(session) !== (choice === '--resume')) {
  process.stderr.write(choice === '--resume' ? 'No conversation found' : 'Session ID is already in use')
  process.exit(1)
}
if (prompt.includes('dies before it begins')) process.exit(1)
mkdirSync(sessions, { recursive: true })
writeFileSync(session, '')

const report = (fields) =>
  process.stdout.write(
    JSON.stringify({ type: 'result', session_id: id, num_turns: 1, total_cost_usd: 0.0006, ...fields }),
  )

const [, milliseconds] = /wait (\d+)/.exec(prompt) ?? []
if (milliseconds !== undefined) await sleep(Number(milliseconds))

if (prompt.includes('git password')) {
  const told = execFileSync('git', ['credential', 'fill'], { input: 'protocol=https\nhost=github.com\n\n' })
  note({ at: 'git', told: told.toString('utf8') })
}
if (prompt.includes('fails')) {
  process.stdout.write('half an ans')
  process.exitCode = 1
} else if (prompt.includes('gibberish')) {
  process.stdout.write('no JSON at all')
} else if (prompt.includes('refused')) {
  report({ is_error: true, result: 'Invalid API key', api_error_status: 401 })
  process.exitCode = 1
} else if (prompt.includes('print the token')) {
  report({ is_error: false, result: `It is ${process.env.GH_TOKEN}.` })
} else if (prompt.includes('a long story')) {
  report({ is_error: false, result: 'word '.repeat(5000) })
} else {
  report({ is_error: false, result: `You said: ${prompt}` })
}
note({ at: 'end', prompt })
