import { AgentId } from '../lambdas/contract/ids.ts'
import { type Context, must, textOption } from './context.ts'
import { EXIT, type Found, Misuse, table } from './output.ts'
import { readAllPages } from './pages.ts'

const dateOf = (at: string): string => at.slice(0, 16).replace('T', ' ')

export const whoAmI = async ({ call, site }: Context): Promise<Found> => {
  const { account, tenant } = must(await call('GET /api/session'))
  if (account === null) {
    return {
      value: { site, account },
      words: `The token for ${site} is no longer good. Sign in: vestibule login ${site}`,
      exit: EXIT.signedOut,
    }
  }
  const place = tenant === null ? '' : ` of ${tenant.name}`
  return { value: { site, account, tenant }, words: `${account.email}, ${account.role}${place}, at ${site}` }
}

const ROLES = ['tenant', 'admin', 'support'] as const
const STATES = ['pending', 'redeemed', 'revoked', 'expired'] as const

const oneOf = <T extends string>(allowed: readonly T[], given: string | undefined, name: string): T | undefined => {
  const found = allowed.find((one) => one === given)
  if (given !== undefined && found === undefined) throw new Misuse(`--${name} is one of ${allowed.join(', ')}.`)
  return found
}

export const invite = async (context: Context): Promise<Found> => {
  const [email] = context.words
  if (email === undefined) throw new Misuse('Say whom: vestibule invite ada@example.com')
  const hours = textOption(context, 'hours')
  if (hours !== undefined && !/^\d{1,3}$/.test(hours)) throw new Misuse('--hours is a number from 1 to 720.')
  const issued = must(
    await context.call('POST /api/admin/invites', {
      body: {
        email,
        role: oneOf(ROLES, textOption(context, 'role'), 'role'),
        tenantId: textOption(context, 'tenant'),
        tenantName: textOption(context, 'tenant-name'),
        ...(hours === undefined ? {} : { expiresInHours: Number(hours) }),
      },
    }),
  )
  const how = issued.invite.mail === undefined ? 'Hand it over yourself' : 'A mail with it is on its way'
  return { value: issued, words: `The link for ${email}. ${how}; it is not shown again.\n\n  ${issued.link}` }
}

export const invites = async (context: Context): Promise<Found> => {
  const state = oneOf(STATES, textOption(context, 'state'), 'state')
  const found = await readAllPages(async (page) => {
    const query = { ...page, ...(state === undefined ? {} : { state }) }
    const { invites: rows, nextCursor } = must(await context.call('GET /api/admin/invites', { query }))
    return { rows, nextCursor }
  })
  const rows = found.map((one) => [
    one.email,
    one.tenantName ?? one.role,
    one.state,
    one.mail?.state ?? '-',
    dateOf(one.expiresAt),
  ])
  return {
    value: found,
    words: rows.length === 0 ? 'No invites.' : table(['ADDRESS', 'FOR', 'STATE', 'MAIL', 'ENDS (UTC)'], rows),
  }
}

interface Row {
  id: string
  name: string
  status: string
  machine: string
}

/** A tenant's own agents, or those that support may reach, by who asks. */
const listAgents = async ({ call }: Context): Promise<Row[]> => {
  const { account } = must(await call('GET /api/session'))
  if (account?.role === 'support') {
    const open = await readAllPages(async (query) => {
      const { agents: rows, nextCursor } = must(await call('GET /api/support/agents', { query }))
      return { rows, nextCursor }
    })
    return open.map(({ id, name, status, instanceId }) => ({ id, name, status, machine: instanceId ?? '-' }))
  }
  const own = await readAllPages(async (query) => {
    const { agents: rows, nextCursor } = must(await call('GET /api/agents', { query }))
    return { rows, nextCursor }
  })
  return own.map(({ id, name, status, instance }) => ({ id, name, status, machine: instance?.id ?? '-' }))
}

export const agents = async (context: Context): Promise<Found> => {
  const rows = await listAgents(context)
  const words = table(
    ['AGENT', 'STATE', 'MACHINE', 'ID'],
    rows.map(({ name, status, machine, id }) => [name, status, machine, id]),
  )
  return { value: rows, words: rows.length === 0 ? 'No agents.' : words }
}

/** The agent that somebody means: its id, or a name that only one has. */
export const findAgent = async (context: Context, wanted: string): Promise<Row> => {
  const rows = await listAgents(context)
  const found = AgentId.safeParse(wanted).success
    ? rows.filter(({ id }) => id === wanted)
    : rows.filter(({ name }) => name.toLowerCase() === wanted.toLowerCase())
  const [only] = found
  if (only === undefined) throw new Misuse(`There is no agent ${wanted} that you may see. vestibule agents lists them.`)
  if (found.length > 1)
    throw new Misuse(`Several agents are called ${wanted}. Say which by its id: vestibule agents lists them.`)
  return only
}
