import { unmarshall } from '@aws-sdk/util-dynamodb'
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { type AuditEvent, type ChainHead, findChainBreak } from '../../lambdas/audit/chain.ts'
import { CREDENTIAL_KINDS } from '../../lambdas/contract/credential-kinds.ts'
import { ProvisionRequest } from '../../lambdas/contract/provisioning.ts'
import { TAGS } from '../../lambdas/contract/tags.ts'
import type { EmbeddedAws } from '../../local/aws/embedded-aws.ts'
import { dumpAws, spellingsOf } from '../support/sinks.ts'
import { findTrailViolations } from './world-trail.ts'

/** What is true of the whole installation, read from the embedded AWS itself and never by the product's own means. */

type Row = Record<string, any>

export const rowsOf = (aws: EmbeddedAws, table: string): Row[] =>
  aws.database
    .all('SELECT item FROM ddb_item WHERE tbl = ?', table)
    .map((row) => unmarshall(JSON.parse(String(row.item))))

const PASSING = ['requested', 'launching', 'booting', 'stopping', 'starting', 'deleting']
const secretNameOf = ({ tenantId, agentId }: Row): string => `vestibule/local/tenant/${tenantId}/agent/${agentId}`

export interface World {
  agents: Row[]
  accounts: Row[]
  invites: Row[]
  tenants: Row[]
  tokens: Row[]
  machines: { id: string; state: string; groups: string[]; agentId: string }[]
  secrets: { name: string; deleted: boolean; boundTo: string | undefined }[]
}

export const readWorld = (aws: EmbeddedAws): World => {
  const directory = rowsOf(aws, 'vestibule-directory')
  const tags = (text: unknown, key: 'Key' | 'TagKey' = 'Key'): Map<string, string> =>
    new Map(JSON.parse(String(text)).map((tag: Row) => [tag[key], tag.Value ?? tag.TagValue]))
  return {
    agents: rowsOf(aws, 'vestibule-agents').filter(({ sk }) => String(sk).startsWith('AGENT#')),
    accounts: directory.filter(({ sk }) => sk === 'ACCOUNT'),
    invites: directory.filter(({ sk }) => sk === 'INVITE'),
    tenants: directory.filter(({ sk }) => sk === 'TENANT'),
    tokens: directory.filter(({ sk }) => String(sk).startsWith('TOKEN#')),
    machines: aws.database.all('SELECT id, state, groups, tags FROM ec2_instance').map((row) => ({
      id: String(row.id),
      state: String(row.state),
      groups: JSON.parse(String(row.groups)),
      agentId: tags(row.tags).get(TAGS.agent) ?? '',
    })),
    secrets: aws.database
      .all("SELECT name, tags, deletion FROM sm_secret WHERE name LIKE 'vestibule/local/tenant/%'")
      .map((row) => ({
        name: String(row.name),
        deleted: row.deletion !== null,
        boundTo: tags(row.tags).get(TAGS.instanceArn),
      })),
  }
}

const isAlive = ({ state }: { state: string }): boolean => state !== 'terminated' && state !== 'shutting-down'

/** What must hold at every moment. */
export const findViolations = async (aws: EmbeddedAws, planted: readonly string[]): Promise<string[]> => {
  const found: string[] = []
  const world = readWorld(aws)
  const { agents, accounts, invites, machines } = world
  for (const agent of agents) {
    const live = machines.filter((machine) => machine.agentId === agent.agentId && isAlive(machine))
    if (live.length > 1) found.push(`I-15 ${agent.agentId} has ${live.length} live machines`)
  }
  const redeemedBy = new Map<string, string>()
  for (const account of accounts) {
    if (redeemedBy.has(account.email)) found.push(`I-02 ${account.email} has two accounts`)
    redeemedBy.set(account.email, account.accountId)
  }
  const redeemed = invites.filter(({ state }) => state === 'redeemed')
  for (const invite of redeemed) {
    const made = accounts.find(({ accountId }) => accountId === invite.redeemedBy)
    if (made?.email !== invite.email) found.push(`I-01 ${invite.inviteId} made no account`)
    if (made !== undefined && made.tenantId !== invite.tenantId) found.push(`I-04 ${made.email} is in another tenant`)
  }
  if (redeemed.length !== accounts.length) found.push(`I-02 ${accounts.length} accounts of ${redeemed.length} invites`)
  for (const row of aws.database.all('SELECT key, body FROM s3_object WHERE bucket = ?', 'vestibule-requests')) {
    if (!String(row.key).startsWith('requests/')) continue
    const body = row.body instanceof Uint8Array ? Buffer.from(row.body).toString() : ''
    if (!ProvisionRequest.safeParse(JSON.parse(body)).success) found.push(`I-13 ${String(row.key)} does not fit`)
  }
  const events = rowsOf(aws, 'vestibule-audit')
    .map((event) => ({ ...event, sequence: Number(event.sequence) }) as AuditEvent & Row)
    .toSorted((left, right) => left.sequence - right.sequence)
  found.push(...findTrailViolations(world, events))
  const heads = new Map(rowsOf(aws, 'vestibule-directory').map((row) => [String(row.pk), row]))
  for (const [chain, ordered] of Map.groupBy(events, (event) => event.chain)) {
    const head = heads.get(`CHAIN#${chain}`)
    const broken = findChainBreak(chain, ordered, head === undefined ? null : (head as ChainHead & Row))
    if (broken !== null) found.push(`I-22 the trail of ${chain} breaks: ${JSON.stringify(broken)}`)
  }
  const everything = JSON.stringify(dumpAws(aws))
  for (const value of planted) {
    if (spellingsOf(value).some((spelling) => everything.includes(spelling))) found.push('I-06 a credential lies about')
  }
  return found
}

const readers = new WeakMap<EmbeddedAws, SecretsManagerClient>()

const readerOf = (aws: EmbeddedAws): SecretsManagerClient => {
  const reader = readers.get(aws) ?? aws.createClients().secrets
  readers.set(aws, reader)
  return reader
}

const secretOf = async (aws: EmbeddedAws, name: string): Promise<Row | null> => {
  const secrets = readerOf(aws)
  try {
    const { DeletedDate } = await secrets.send(new DescribeSecretCommand({ SecretId: name }))
    if (DeletedDate !== undefined) return null
    const { SecretString = '{}' } = await secrets.send(
      new GetSecretValueCommand({ SecretId: name, VersionStage: 'AWSCURRENT' }),
    )
    return JSON.parse(SecretString)
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return null
    throw error
  }
}

const findAgentViolations = async (
  aws: EmbeddedAws,
  agent: Row,
  { machines, secrets, tenants }: World,
): Promise<string[]> => {
  const found: string[] = []
  const say = (text: string) => found.push(`${text} (${agent.agentId}, ${agent.status}, ${agent.reason?.code ?? ''})`)
  const live = machines.filter((machine) => machine.agentId === agent.agentId && isAlive(machine))
  const secret = await secretOf(aws, secretNameOf(agent))
  if (PASSING.includes(agent.status)) say('I-18 is still passing')
  if (Object.keys(agent.pendingMerges).length > 0) say('I-18 has a merge that never ended')
  if (agent.status === 'ready' && !live.some(({ id, state }) => id === agent.instance?.id && state === 'running'))
    say('I-12 is ready without a machine')
  if (agent.status === 'stopped' && live.some(({ state }) => state !== 'stopped')) say('I-12 is stopped and runs')
  const isSuspended = tenants.some(({ tenantId, status }) => tenantId === agent.tenantId && status === 'suspended')
  if (isSuspended && (agent.status === 'ready' || live.some(({ state }) => state === 'running')))
    say('I-12 runs for a suspended tenant')
  const keepsMachine = agent.reason?.code === 'quarantined'
  if (['failed', 'deleted'].includes(agent.status) && live.length > 0 && !keepsMachine) say('I-12 left a machine')
  if (agent.status === 'deleted') {
    if (secrets.some(({ name, deleted }) => name === secretNameOf(agent) && !deleted)) say('I-14 left its secret')
    return found
  }
  for (const kind of CREDENTIAL_KINDS) {
    if (agent.credentials[kind].provided !== (secret?.credentials[kind] !== undefined))
      say(`I-11 is wrong about its ${kind}`)
  }
  if (secret !== null) {
    const told = rowsOf(aws, 'vestibule-audit').filter(
      ({ action, target }) => action === 'agent.credentials_changed' && target === agent.agentId,
    )
    // One that changed nothing is told and writes no version.
    const isTwice = new Set(told.map(({ detail }) => detail.requestId)).size < told.length
    if (isTwice || told.length < secret.merges.length)
      say(`I-21 ${secret.merges.length} merges were told ${told.length} times`)
  }
  for (const { groups } of live) {
    const isOpen = groups.includes('sg-support')
    if (isOpen !== (agent.supportAccess && !keepsMachine)) say(`I-19 support is ${isOpen ? 'open' : 'closed'}`)
  }
  return found
}

/** What must hold when faults are over and everything that was due is done. */
export const findViolationsAtRest = async (aws: EmbeddedAws, planted: readonly string[]): Promise<string[]> => {
  const found = await findViolations(aws, planted)
  const world = readWorld(aws)
  for (const agent of world.agents) found.push(...(await findAgentViolations(aws, agent, world)))
  for (const machine of world.machines.filter(isAlive)) {
    if (!world.agents.some(({ instance }) => instance?.id === machine.id)) found.push(`I-16 ${machine.id} is nobody’s`)
  }
  for (const { name, deleted } of world.secrets) {
    const owner = world.agents.find((agent) => secretNameOf(agent) === name)
    if (!deleted && owner === undefined) found.push(`I-16 ${name} is nobody’s`)
  }
  const aliases = new Set(aws.database.all('SELECT key FROM kms_alias').map((row) => row.key))
  for (const key of aws.database.all('SELECT id, state, tags FROM kms_key')) {
    if (key.state === 'Enabled' && String(key.tags).includes(TAGS.tenant) && !aliases.has(key.id))
      found.push(`I-17 key ${String(key.id)} has no alias`)
  }
  for (const { id } of rowsOf(aws, 'vestibule-agents').filter(({ pk }) => String(pk).startsWith('STRAY#')))
    found.push(`I-16 ${id} is marked as a stray`)
  for (const row of aws.database.all('SELECT queue FROM sqs_message'))
    found.push(`I-18 a message stays in ${String(row.queue)}`)
  return found
}
