import { scryptSync } from 'node:crypto'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { agentSecretName } from '../../lambdas/contract/names.ts'
import type { EmbeddedAws } from '../../local/aws/embedded-aws.ts'

/** What the model speaks about, as the tables and secrets of the embedded AWS have it: never by the product's own lists. */

type Row = Record<string, any>

export const PASSWORDS = [
  'violet tractor on the moon',
  'another tractor under the sea',
  'seven quiet lamps in a row',
] as const

export interface AccountFact {
  id: string
  role: 'tenant' | 'support' | 'admin'
  tenantId: string | null
  status: string
  /** Which of the passwords its hash is of; -1 for none of them. */
  password: number
}
export interface InviteFact {
  email: string
  state: string
  role: string
  tenantId: string | null
  codeHash: string
  expiresAt: Date
}
export interface AgentFact {
  tenantId: string
  name: string
  status: string
  support: boolean
  /** What its secret holds; null where there is none, or none that can be read. */
  values: string | null
  /** Only for expectations; changes of these are not the model's. */
  attempt: number
  pathOpen: boolean
  hasInstance: boolean
}
export interface Facts {
  accounts: Record<string, AccountFact>
  invites: Record<string, InviteFact>
  tenants: Record<string, string>
  tokens: Record<string, string>
  agents: Record<string, AgentFact>
}

const PHC = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/

/** Whose hash a stored one is, worked out without the product. */
const passwordOf = (stored: string): number => {
  const [, cost = '', r = '', p = '', salt = '', hash = ''] = PHC.exec(stored) ?? []
  const options = { N: 2 ** Number(cost), r: Number(r), p: Number(p) }
  const wanted = Buffer.from(hash, 'base64')
  return PASSWORDS.findIndex((password) =>
    scryptSync(password, Buffer.from(salt, 'base64'), wanted.length, options).equals(wanted),
  )
}

export const textOfValues = (values: Record<string, string>): string =>
  JSON.stringify(Object.entries(values).toSorted(([left], [right]) => left.localeCompare(right)))

/** Reads the facts again and again; what did not change is not read twice. */
export const createFactReader = (aws: EmbeddedAws) => {
  const { secrets } = aws.createClients()
  const passwords = new Map<string, number>()
  const values = new Map<string, string>()

  const rows = (table: string, sortKeys: string): Row[] =>
    aws.database
      .all(`SELECT item FROM ddb_item WHERE tbl = ? AND (${sortKeys})`, table)
      .map((row) => unmarshall(JSON.parse(String(row.item))))

  const passwordIn = (hash: string): number => {
    const known = passwords.get(hash) ?? passwordOf(hash)
    passwords.set(hash, known)
    return known
  }

  const valuesOf = async (tenantId: string, agentId: string): Promise<string | null> => {
    const SecretId = agentSecretName('local', tenantId as never, agentId as never)
    const current = aws.database.get(
      `SELECT v.id AS id FROM sm_version v JOIN sm_secret s ON s.name = v.secret
       WHERE s.name = ? AND s.deletion IS NULL AND v.stage LIKE '%AWSCURRENT%'`,
      SecretId,
    )
    if (current === null) return null
    const key = `${SecretId} ${String(current.id)}`
    const known = values.get(key)
    if (known !== undefined) return known
    const { SecretString = '{}' } = await secrets.send(
      new GetSecretValueCommand({ SecretId, VersionStage: 'AWSCURRENT' }),
    )
    const text = textOfValues(JSON.parse(SecretString).credentials)
    values.set(key, text)
    return text
  }

  return async (): Promise<Facts> => {
    const facts: Facts = { accounts: {}, invites: {}, tenants: {}, tokens: {}, agents: {} }
    const directory = rows(
      'vestibule-directory',
      "sk IN ('ACCOUNT', 'INVITE', 'TENANT', 'SIGNIN') OR sk LIKE 'TOKEN#%'",
    )
    const hashes = new Map(directory.filter(({ sk }) => sk === 'SIGNIN').map((row) => [row.email, row.passwordHash]))
    for (const row of directory) {
      if (row.sk === 'ACCOUNT') {
        const { accountId: id, role, tenantId, status, email } = row
        facts.accounts[email] = { id, role, tenantId, status, password: passwordIn(hashes.get(email) ?? '') }
      } else if (row.sk === 'INVITE') {
        const { email, state, role, tenantId, codeHash } = row
        const expiresAt = new Date(row.expiresAt)
        facts.invites[row.inviteId] = { email, state, role, tenantId, codeHash, expiresAt }
      } else if (row.sk === 'TENANT') facts.tenants[row.tenantId] = row.status
      else if (row.tokenId !== undefined) facts.tokens[row.tokenId] = row.accountId
    }
    for (const row of rows('vestibule-agents', "sk LIKE 'AGENT#%'")) {
      facts.agents[row.agentId] = {
        tenantId: row.tenantId,
        name: row.name,
        status: row.status,
        support: row.supportAccess,
        values: await valuesOf(row.tenantId, row.agentId),
        attempt: row.attempt,
        pathOpen: row.supportPathOpen,
        hasInstance: row.instance !== undefined,
      }
    }
    return facts
  }
}

export const isGone = ({ status }: Pick<AgentFact, 'status'>): boolean => status === 'deleting' || status === 'deleted'

const changesOf = <T>(
  before: Record<string, T>,
  after: Record<string, T>,
  say: (was: T | undefined, is: T | undefined, key: string) => string[],
): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) => say(before[key], after[key], key))

const field = (what: string, was: unknown, is: unknown): string[] => (was === is ? [] : [`${what} ${was} > ${is}`])

const diffAgent = (was: AgentFact | undefined, is: AgentFact | undefined, id: string): string[] => {
  if (is === undefined) return [`agent ${id} vanished`]
  if (was === undefined) return [`new agent of ${is.tenantId}: ${is.name} ${is.support} ${is.values}`]
  // What becomes of the secret of an agent that goes is judged at rest.
  const values = isGone(is) ? [] : field(`agent ${id} holds`, was.values, is.values)
  return [
    ...field(`agent ${id} is of`, `${was.tenantId} ${was.name}`, `${is.tenantId} ${is.name}`),
    ...field(`agent ${id} is`, was.status, is.status),
    ...field(`agent ${id} allows support`, was.support, is.support),
    ...values,
  ]
}

/** Everything that differs, each as one sentence. */
export const diffFacts = (before: Facts, after: Facts): string[] =>
  [
    ...changesOf(before.accounts, after.accounts, (was, is, email) => {
      if (is === undefined) return [`account ${email} vanished`]
      if (was === undefined) return [`new account ${email}: ${is.role} of ${is.tenantId} with password ${is.password}`]
      return [
        ...field(`account ${email} is`, `${was.id} of ${was.tenantId}`, `${is.id} of ${is.tenantId}`),
        ...field(`account ${email} has role`, was.role, is.role),
        ...field(`account ${email} stands`, was.status, is.status),
        ...field(`account ${email} has password`, was.password, is.password),
      ]
    }),
    ...changesOf(before.invites, after.invites, (was, is, id) => {
      if (is === undefined) return [`invite ${id} vanished`]
      if (was === undefined) return [`new invite for ${is.email}: ${is.role} ${is.state}`]
      return [
        ...field(`invite ${id} is`, was.state, is.state),
        ...(was.codeHash === is.codeHash ? [] : [`invite ${id} has a new code`]),
        ...field(`invite ${id} is for`, `${was.email} ${was.tenantId}`, `${is.email} ${is.tenantId}`),
      ]
    }),
    ...changesOf(before.tenants, after.tenants, (was, is, id) =>
      was === undefined ? [`new tenant ${id}`] : field(`tenant ${id} is`, was, is),
    ),
    ...changesOf(before.tokens, after.tokens, (was, is, id) => {
      if (was === undefined) return [`new token of ${is}`]
      return is === undefined ? [`token ${id} is gone`] : []
    }),
    ...changesOf(before.agents, after.agents, diffAgent),
  ].toSorted()
