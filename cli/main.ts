import { parseArgs } from 'node:util'
import type { Secret } from '../lambdas/core/secret.ts'
import { createCall } from '../web/api.ts'
import { verifyArchive } from './archive.ts'
import { verifyTrail } from './audit.ts'
import { agents, invite, invites, whoAmI } from './commands.ts'
import { ApiRefusal, type AtSite, type Bare, type Context } from './context.ts'
import { doctor } from './doctor.ts'
import { login } from './login.ts'
import { EXIT, type Exit, type Found, Misuse, plain, toJson } from './output.ts'
import { ssh } from './ssh.ts'
import type { TokenStore } from './token-store.ts'

/** The world that the command line lives in: tests bring their own. */
export interface World extends Pick<Bare, 'store' | 'now' | 'runProgram' | 'askProgram'> {
  store: TokenStore
  fetch: typeof fetch
  readToken: (question: string) => Promise<Secret>
  out: (text: string) => void
  err: (text: string) => void
}

const HELP = `vestibule <command> [options]

  login <site>             keep an API token for a site (made there, under Settings)
  logout                   forget it
  whoami                   who the token speaks for
  doctor                   what is wrong with this setup, and what to do

  invite <address>         invite somebody      --role tenant|admin|support
                           (admins)             --tenant <id> or --tenant-name <name>
                                                --hours <1 to 720>
  invites                  list invites         --state pending|redeemed|revoked|expired

  agents                   your agents; for support, those that tenants opened to it
  ssh <agent>              be let in for minutes, with a reason that the tenant reads
                           (support)            --reason "..."  --minutes <1 to 15>
  audit verify             recompute the trail; name the first break
                                                --expect <hash of an earlier run>
                                                --archive <folder>: of what was archived

Everywhere: --json for programs, --help for this.
Ends with 0 done, 1 refused or found wanting, 2 asked wrongly, 3 not signed in, 4 the service does not answer.
`

const OPTIONS = {
  json: { type: 'boolean' },
  help: { type: 'boolean' },
  role: { type: 'string' },
  tenant: { type: 'string' },
  'tenant-name': { type: 'string' },
  hours: { type: 'string' },
  state: { type: 'string' },
  reason: { type: 'string' },
  minutes: { type: 'string' },
  expect: { type: 'string' },
  archive: { type: 'string' },
} as const

/** What the commands that need a site are given it by; the others do without. */
const findSite = ({ store, fetch }: World): AtSite | null => {
  const kept = store.load()
  if (kept === null) return null
  const headers: Record<string, string> = kept.token === null ? {} : { authorization: `Bearer ${kept.token.reveal()}` }
  return { site: kept.site, call: createCall({ origin: kept.site, headers, fetch }) }
}

const logout = (bare: Bare): Found => {
  bare.store.forget()
  return { value: {}, words: 'The token is forgotten here. Revoke it in the site’s settings to end it everywhere.' }
}

interface Command {
  options: readonly string[]
  /** How many words may follow. */
  words: number
  run: (bare: Bare, world: World) => Found | Promise<Found>
}

const atSite =
  (run: (context: Context) => Promise<Found>): Command['run'] =>
  (bare, world) => {
    const at = findSite(world)
    if (at === null) throw new Misuse('Say first which site: vestibule login https://vestibule.example.com')
    return run({ ...bare, ...at })
  }

const COMMANDS: Record<string, Command> = {
  login: { options: [], words: 1, run: login },
  logout: { options: [], words: 0, run: logout },
  whoami: { options: [], words: 0, run: atSite(whoAmI) },
  doctor: { options: [], words: 0, run: (bare, world) => doctor(bare, findSite(world)) },
  invite: { options: ['role', 'tenant', 'tenant-name', 'hours'], words: 1, run: atSite(invite) },
  invites: { options: ['state'], words: 0, run: atSite(invites) },
  agents: { options: [], words: 0, run: atSite(agents) },
  ssh: { options: ['reason', 'minutes'], words: 1, run: atSite(ssh) },
  'audit verify': {
    options: ['expect', 'archive'],
    words: 0,
    run: (bare, world) =>
      bare.options.archive === undefined ? atSite(verifyTrail)(bare, world) : verifyArchive(bare, findSite(world)),
  },
}

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new Misuse(
      `${error instanceof Error ? error.message.split('\n')[0] : 'That could not be read.'} vestibule --help shows what there is.`,
    )
  }
}

const run = async (args: readonly string[], world: World): Promise<{ found: Found; asJson: boolean } | null> => {
  const { values, positionals } = parse(args)
  const [first = '', second = ''] = positionals
  if (values.help === true || first === '') return null
  const name = Object.hasOwn(COMMANDS, `${first} ${second}`) ? `${first} ${second}` : first
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) throw new Misuse(`There is no command ${first}. vestibule --help shows what there is.`)
  const foreign = Object.keys(values).find((option) => option !== 'json' && !command.options.includes(option))
  if (foreign !== undefined)
    throw new Misuse(`--${foreign} does nothing for ${name}. vestibule --help shows what does.`)
  const words = positionals.slice(name.split(' ').length)
  const surplus = words[command.words]
  if (surplus !== undefined)
    throw new Misuse(`${surplus} is a word too many for ${name}. Put quotes around a text with spaces.`)
  const { store, now, runProgram, askProgram } = world
  const found = await command.run({ words, options: values, store, now, runProgram, askProgram }, world)
  return { found, asJson: values.json === true }
}

const wordsOf = ({ message }: Error): string => message.split('\n').map(plain).join('\n')

const describe = (error: Misuse | ApiRefusal) =>
  error instanceof ApiRefusal ? error.error : { code: 'misuse', message: error.message, issues: [] }

/** Runs one command line. Everything that the service says passes `plain` before it reaches the terminal. */
export const runCli = async (args: readonly string[], world: World): Promise<Exit> => {
  try {
    const done = await run(args, world)
    if (done === null) {
      world.out(HELP)
      return args.includes('--help') ? EXIT.done : EXIT.misuse
    }
    const { found, asJson } = done
    world.out(asJson ? `${toJson(found.value)}\n` : `${found.words.split('\n').map(plain).join('\n')}\n`)
    return found.exit ?? EXIT.done
  } catch (error) {
    if (!(error instanceof Misuse || error instanceof ApiRefusal)) throw error
    world.err(args.includes('--json') ? `${toJson({ error: describe(error) })}\n` : `${wordsOf(error)}\n`)
    return error instanceof Misuse ? EXIT.misuse : error.exit
  }
}
