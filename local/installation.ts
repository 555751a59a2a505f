import { randomBytes } from 'node:crypto'
import {
  CreateTableCommand,
  DescribeTableCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge'
import {
  CreateAliasCommand,
  CreateKeyCommand,
  type CreateKeyCommandInput,
  DescribeKeyCommand,
} from '@aws-sdk/client-kms'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager'
import { CreateQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { proofAudience } from '../lambdas/contract/instance.ts'
import { provisionRequestPrefix } from '../lambdas/contract/names.ts'
import { type ProvisionVerb, QUICK_VERBS } from '../lambdas/contract/provisioning.ts'
import { type KeyNames, TABLES, type TableName, type TableShape } from '../lambdas/contract/tables.ts'
import type { ArchiveNames } from '../lambdas/entry/archive-deps.aws.ts'
import type { AgentsNames } from '../lambdas/entry/deps.aws.ts'
import type { MailNames } from '../lambdas/entry/mail-deps.aws.ts'
import type { LaunchSettings } from '../lambdas/provisioning/launch-attempt.ts'
import { type AwsClients, EMBEDDED_INSTANCE_TYPE, EMBEDDED_PLACE, EMBEDDED_SUBNETS } from './aws/embedded-aws.ts'
import { RUNTIME_HASH } from './stand-in-instance.ts'

/** What the CDK app makes in an account, made here: tables, buckets, queues, rules, session keys. */

export const LOCAL_STAGE = 'local'
const MAX_RECEIVES = 5

/** What mails come from on one machine, where they only reach the outbox folder. */
export const LOCAL_MAIL = { sender: 'vestibule@localhost', configurationSet: 'local' } as const

export type LocalNames = AgentsNames & MailNames & ArchiveNames & { supportCaKey: string }

export const localNames = (siteOrigin: string, version: string): LocalNames => ({
  stage: LOCAL_STAGE,
  version,
  siteOrigin,
  directoryTable: 'vestibule-directory',
  limitsTable: 'vestibule-limits',
  auditTable: 'vestibule-audit',
  agentsTable: 'vestibule-agents',
  requestsBucket: 'vestibule-requests',
  archiveBucket: 'vestibule-archive',
  sessionKeysSecret: 'vestibule/local/session-keys',
  mailKey: 'alias/vestibule/local/mail',
  supportCaKey: 'alias/vestibule/local/support-ca',
  agentsPerTenant: 10,
  ...EMBEDDED_PLACE,
})

export const localLaunchSettings = (siteOrigin: string): LaunchSettings => ({
  launchTemplateId: 'lt-embedded',
  subnetIds: Object.keys(EMBEDDED_SUBNETS),
  amiId: 'ami-embedded',
  instanceType: EMBEDDED_INSTANCE_TYPE,
  agentSecurityGroupId: 'sg-agent',
  supportSecurityGroupId: 'sg-support',
  stage: LOCAL_STAGE,
  region: EMBEDDED_PLACE.region,
  quarantineSecurityGroupId: 'sg-quarantine',
  release: RUNTIME_HASH,
  // Stand-ins install nothing, so there is nothing that could be signed.
  releaseKey: '',
  assetsOrigin: siteOrigin,
  apiUrl: siteOrigin,
  proofAudience: proofAudience(siteOrigin),
})

const keySchema = ({ partition, sort }: KeyNames) => [
  { AttributeName: partition, KeyType: 'HASH' as const },
  ...(sort === undefined ? [] : [{ AttributeName: sort, KeyType: 'RANGE' as const }]),
]

const attributesOf = (shape: TableShape) => {
  const names = [shape.keys, ...Object.values(shape.indexes)].flatMap(({ partition, sort }) => [partition, sort])
  return [...new Set(names.filter((name) => name !== undefined))].map((name) => ({
    AttributeName: name,
    AttributeType: 'S' as const,
  }))
}

const toIndex = ([IndexName, keys]: [string, KeyNames]) => ({
  IndexName,
  KeySchema: keySchema(keys),
  Projection: { ProjectionType: 'ALL' as const },
})

/** The names of a table's indexes, or null when there is no such table. */
const readIndexes = async (dynamo: DynamoDBDocumentClient, TableName: string): Promise<string[] | null> => {
  try {
    const { Table } = await dynamo.send(new DescribeTableCommand({ TableName }))
    return (Table?.GlobalSecondaryIndexes ?? []).map(({ IndexName = '' }) => IndexName)
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceNotFoundException') return null
    throw error
  }
}

/** Makes one table in the shape that the product expects, or adds the indexes that one of an older version lacks. */
export const createTable = async (
  dynamo: DynamoDBDocumentClient,
  tableName: string,
  shape: TableShape,
): Promise<void> => {
  const existing = await readIndexes(dynamo, tableName)
  const indexes = Object.entries(shape.indexes).map(toIndex)
  const AttributeDefinitions = attributesOf(shape)
  if (existing !== null) {
    const missing = indexes.filter(({ IndexName }) => !existing.includes(IndexName)).map((Create) => ({ Create }))
    if (missing.length > 0) {
      await dynamo.send(
        new UpdateTableCommand({ TableName: tableName, AttributeDefinitions, GlobalSecondaryIndexUpdates: missing }),
      )
    }
    return
  }
  await dynamo.send(
    new CreateTableCommand({
      TableName: tableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: keySchema(shape.keys),
      AttributeDefinitions,
      ...(indexes.length === 0 ? {} : { GlobalSecondaryIndexes: indexes }),
    }),
  )
  if (shape.timeToLive !== undefined) {
    const TimeToLiveSpecification = { AttributeName: shape.timeToLive, Enabled: true }
    await dynamo.send(new UpdateTimeToLiveCommand({ TableName: tableName, TimeToLiveSpecification }))
  }
}

const createQueue = async ({ sqs }: AwsClients, QueueName: string, Attributes: Record<string, string>) => {
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))
  const got = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }))
  return { url: QueueUrl, arn: got.Attributes?.QueueArn ?? '' }
}

const createSessionKeys = async ({ secrets }: AwsClients, Name: string): Promise<void> => {
  const keys = { kid: randomBytes(4).toString('hex'), key: randomBytes(32).toString('base64') }
  try {
    await secrets.send(new CreateSecretCommand({ Name, SecretString: JSON.stringify(keys) }))
  } catch (error) {
    if (!(error instanceof Error && error.name === 'ResourceExistsException')) throw error
  }
}

const createKey = async ({ kms }: AwsClients, AliasName: string, key: CreateKeyCommandInput): Promise<void> => {
  try {
    await kms.send(new DescribeKeyCommand({ KeyId: AliasName }))
  } catch (error) {
    if (!(error instanceof Error && error.name === 'NotFoundException')) throw error
    const { KeyMetadata } = await kms.send(new CreateKeyCommand(key))
    await kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyMetadata?.KeyId }))
  }
}

const requestsOf = (verbs: readonly ProvisionVerb[]) => ({
  source: ['aws.s3'],
  'detail-type': ['Object Created'],
  detail: { object: { key: verbs.map((verb) => ({ prefix: provisionRequestPrefix(verb) })) } },
})

/**
 * The queues that feed the provisioner: launches, which wait for their turn, and all else, which does not. Requests to launch
 * come into the first by way of the second, as no rule can name the tenant of each.
 */
const ensureQueues = async (clients: AwsClients) => {
  const deadLetter = await createQueue(clients, 'vestibule-provisioner-dead', {})
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: deadLetter.arn, maxReceiveCount: MAX_RECEIVES })
  const attributes = { VisibilityTimeout: '30', RedrivePolicy }
  const launches = await createQueue(clients, 'vestibule-launches', attributes)
  const others = await createQueue(clients, 'vestibule-provisioner', attributes)
  const instanceStates = { source: ['aws.ec2'], 'detail-type': ['EC2 Instance State-change Notification'] }
  const rules = [
    { Name: 'launch-requests', EventPattern: requestsOf(['launch']), Arn: others.arn },
    { Name: 'provision-requests', EventPattern: requestsOf(QUICK_VERBS), Arn: others.arn },
    { Name: 'instance-states', EventPattern: instanceStates, Arn: others.arn },
  ]
  for (const { Name, EventPattern, Arn } of rules) {
    await clients.events.send(new PutRuleCommand({ Name, EventPattern: JSON.stringify(EventPattern) }))
    await clients.events.send(new PutTargetsCommand({ Rule: Name, Targets: [{ Id: 'provisioner', Arn }] }))
  }
  return { launchesUrl: launches.url, othersUrl: others.url, deadLetterUrl: deadLetter.url }
}

/** Makes what is missing and leaves what is there. Returns the queues that feed the provisioner. */
export const ensureInstallation = async (
  clients: AwsClients,
  names: LocalNames,
): Promise<Awaited<ReturnType<typeof ensureQueues>>> => {
  const tables: Record<TableName, string> = {
    directory: names.directoryTable,
    agents: names.agentsTable,
    limits: names.limitsTable,
    audit: names.auditTable,
  }
  await createTable(clients.dynamo, tables.directory, TABLES.directory)
  await createTable(clients.dynamo, tables.agents, TABLES.agents)
  await createTable(clients.dynamo, tables.limits, TABLES.limits)
  await createTable(clients.dynamo, tables.audit, TABLES.audit)
  for (const Bucket of [names.requestsBucket, names.archiveBucket])
    await clients.s3.send(new CreateBucketCommand({ Bucket }))
  await createSessionKeys(clients, names.sessionKeysSecret)
  await createKey(clients, names.mailKey, { Description: 'Vestibule: links of invites to mail' })
  await createKey(clients, names.supportCaKey, {
    Description: 'Vestibule: support CA',
    KeySpec: 'ECC_NIST_P256',
    KeyUsage: 'SIGN_VERIFY',
  })
  return ensureQueues(clients)
}
