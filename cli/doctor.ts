import { ApiRefusal, type AtSite, type Bare, must } from './context.ts'
import { EXIT, type Found, table } from './output.ts'

interface Check {
  what: string
  good: boolean
  says: string
}

interface Program {
  name: string
  words: readonly string[]
  /** What a version that does must say. */
  mustSay: RegExp
  otherwise: string
}

const PROGRAMS: readonly Program[] = [
  {
    name: 'ssh',
    words: ['-Q', 'key-cert'],
    mustSay: /ssh-ed25519-cert/,
    otherwise: 'vestibule ssh needs OpenSSH with certificates. Install or update it.',
  },
  {
    name: 'aws',
    words: ['--version'],
    mustSay: /^aws-cli\/[2-9]/,
    otherwise: 'vestibule ssh needs the AWS CLI, version 2, for its tunnel. Install or update it.',
  },
]

const checkProgram = ({ askProgram }: Bare, { name, words, mustSay, otherwise }: Program): Check => {
  const said = askProgram(name, words)
  const found = said?.split(/\s/)[0] ?? 'Not found'
  return said !== null && mustSay.test(said)
    ? { what: name, good: true, says: found }
    : { what: name, good: false, says: `${found}: ${otherwise}` }
}

const checkToken = async ({ store }: Bare, { site, call }: AtSite): Promise<Check> => {
  const login = `vestibule login ${site}`
  if (store.load()?.token == null)
    return { what: 'token', good: false, says: `There is none. Make one in the site's settings, then: ${login}` }
  try {
    const { account } = must(await call('GET /api/session'))
    return account === null
      ? { what: 'token', good: false, says: `It is no longer good. Make another, then: ${login}` }
      : { what: 'token', good: true, says: `${account.email}, ${account.role}` }
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error
    return { what: 'token', good: false, says: `${error.message} Then: ${login}` }
  }
}

const checkSite = async (bare: Bare, at: AtSite | null): Promise<Check[]> => {
  if (at === null) return [{ what: 'site', good: false, says: 'None yet. Sign in to one: vestibule login <site>' }]
  const { site, call } = at
  const health = await call('GET /api/health')
  if (!health.ok)
    return [{ what: 'site', good: false, says: `${site} does not answer. Check the address and your connection.` }]
  const { version, stage } = health.value
  return [
    { what: 'site', good: true, says: `${site} answers, version ${version}, stage ${stage}` },
    await checkToken(bare, at),
  ]
}

/** Looks at everything that the other commands stand on, and says what to do about what is missing. */
export const doctor = async (bare: Bare, at: AtSite | null): Promise<Found> => {
  const checks: Check[] = [...(await checkSite(bare, at)), ...PROGRAMS.map((program) => checkProgram(bare, program))]
  const good = checks.every((check) => check.good)
  return {
    value: checks,
    words: table(
      ['', 'WHAT', 'FOUND'],
      checks.map(({ what, good: isGood, says }) => [isGood ? 'ok' : '!!', what, says]),
    ),
    exit: good ? EXIT.done : EXIT.refused,
  }
}
