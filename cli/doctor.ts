import { type Context, ApiRefusal, must } from './context.ts'
import { EXIT, type Found, table } from './output.ts'

interface Check {
  what: string
  good: boolean
  says: string
}

const program = (context: Context, name: string, words: readonly string[], without: string): Check => {
  const said = context.askProgram(name, words)
  return said === null
    ? { what: name, good: false, says: without }
    : { what: name, good: true, says: said.split('\n')[0] ?? '' }
}

const checkToken = async (context: Context): Promise<Check> => {
  const login = `vestibule login ${context.site}`
  if (context.store.load()?.token == null)
    return { what: 'token', good: false, says: `There is none. Make one in the site's settings, then: ${login}` }
  try {
    const { account } = must(await context.call('GET /api/session'))
    return account === null
      ? { what: 'token', good: false, says: `It is no longer good. Make another, then: ${login}` }
      : { what: 'token', good: true, says: `${account.email}, ${account.role}` }
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error
    return { what: 'token', good: false, says: `${error.message} Then: ${login}` }
  }
}

/** Looks at everything that the other commands stand on, and says what to do about what is missing. */
export const doctor = async (context: Context): Promise<Found> => {
  const health = await context.call('GET /api/health')
  const checks: Check[] = [
    health.ok
      ? {
          what: 'site',
          good: true,
          says: `${context.site} answers, version ${health.value.version}, stage ${health.value.stage}`,
        }
      : { what: 'site', good: false, says: `${context.site} does not answer. Check the address and your connection.` },
    ...(health.ok ? [await checkToken(context)] : []),
    program(context, 'ssh', ['-Q', 'key-cert'], 'Not found, or without certificates. vestibule ssh needs OpenSSH.'),
    program(context, 'aws', ['--version'], 'Not found. vestibule ssh needs the AWS CLI, version 2, for its tunnel.'),
  ]
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
