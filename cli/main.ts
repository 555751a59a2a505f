import { parseArgs } from 'node:util'
import type { Secret } from '../lambdas/core/secret.ts'
import { createCall } from '../web/api.ts'
import { verifyAudit } from './audit.ts'
import { agents, invite, invites, whoAmI } from './commands.ts'
import { ApiRefusal, type Context } from './context.ts'
import { doctor } from './doctor.ts'
import { login } from './login.ts'
import { EXIT, type Exit, type Found, Misuse, plain, toJson } from './output.ts'
import { ssh } from './ssh.ts'
import type { TokenStore } from './token-store.ts'

/** The world that the command line lives in: tests bring their own. */
export interface World extends Pick<Context, 'store' | 'runProgram' | 'askProgram'> {
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
} as const

const COMMANDS: Record<string, { options: readonly string[]; run: (context: Context) => Promise<Found> }> = {
  whoami: { options: [], run: whoAmI },
  doctor: { options: [], run: doctor },
  invite: { options: ['role', 'tenant', 'tenant-name', 'hours'], run: invite },
  invites: { options: ['state'], run: invites },
  agents: { options: [], run: agents },
  ssh: { options: ['reason', 'minutes'], run: ssh },
  'audit verify': { options: ['expect'], run: verifyAudit },
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

const signedIn = ({ store, fetch }: World): { site: string; call: Context['call'] } => {
  const kept = store.load()
  if (kept === null) throw new Misuse('Say first which site: vestibule login https://vestibule.example.com')
  const headers: Record<string, string> = kept.token === null ? {} : { authorization: `Bearer ${kept.token.reveal()}` }
  return { site: kept.site, call: createCall({ origin: kept.site, headers, fetch }) }
}

const run = async (args: readonly string[], world: World): Promise<{ found: Found; asJson: boolean } | null> => {
  const { values, positionals } = parse(args)
  const [first = '', second = ''] = positionals
  if (values.help === true || first === '') return null
  const asJson = values.json === true
  if (first === 'login')
    return { found: await login({ words: positionals.slice(1), store: world.store }, world), asJson }
  if (first === 'logout') {
    world.store.forget()
    return {
      found: {
        value: {},
        words: 'The token is forgotten here. Revoke it in the site’s settings to end it everywhere.',
      },
      asJson,
    }
  }
  const name = `${first} ${second}` in COMMANDS ? `${first} ${second}` : first
  const command = COMMANDS[name]
  if (command === undefined)
    throw new Misuse(`There is no command ${plain(first)}. vestibule --help shows what there is.`)
  const foreign = Object.keys(values).find((option) => option !== 'json' && !command.options.includes(option))
  if (foreign !== undefined)
    throw new Misuse(`--${foreign} does nothing for ${name}. vestibule --help shows what does.`)
  const { store, runProgram, askProgram } = world
  const words = positionals.slice(name.split(' ').length)
  const context: Context = { words, options: values, ...signedIn(world), store, runProgram, askProgram }
  return { found: await command.run(context), asJson }
}

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
    world.err(`${error.message.split('\n').map(plain).join('\n')}\n`)
    return error instanceof Misuse ? EXIT.misuse : error.exit
  }
}
