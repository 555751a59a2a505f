import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import { SQSClient } from '@aws-sdk/client-sqs'
import { STSClient } from '@aws-sdk/client-sts'
import { createSecretsClient, toDocumentClient } from '../../lambdas/aws/clients.aws.ts'
import { createEc2Client, createLaunchClient } from '../../lambdas/aws/ec2-client.aws.ts'
import { createKmsClient } from '../../lambdas/aws/kms-client.aws.ts'
import { createS3Client } from '../../lambdas/aws/s3-client.aws.ts'
import { createSesClient } from '../../lambdas/aws/ses-client.aws.ts'
import type { Clock } from '../../lambdas/core/clock.ts'
import { type Random, systemRandom } from '../../lambdas/core/random.ts'
import { openDatabase } from './database.ts'
import { createDynamoDb } from './dynamodb/dynamodb.ts'
import { createEc2 } from './ec2.ts'
import { createKms } from './kms.ts'
import { createQueues } from './queues.ts'
import { createS3 } from './s3.ts'
import { createSecretsManager } from './secrets-manager.ts'
import { answerInProcess, type CallHook, callService, jsonRequestHandler, type Service } from './service.ts'
import { createSes } from './ses.ts'
import { createSts } from './sts.ts'

export const EMBEDDED_PLACE = { region: 'eu-central-1', accountId: '000000000000' } as const
export const EMBEDDED_SUBNETS = { 'subnet-a': 'eu-central-1a', 'subnet-b': 'eu-central-1b' } as const
export const EMBEDDED_INSTANCE_TYPE = 't4g.small'
/** In the form of a real account's issuer. */
const ISSUER = 'https://00000000-0000-4000-8000-000000000000.tokens.sts.global.api.aws'
const CREDENTIALS = { accessKeyId: 'embedded', secretAccessKey: 'embedded' }

const readRootKey = (directory: string | null): Uint8Array => {
  if (directory === null) return randomBytes(32)
  const path = join(directory, 'kms-root.key')
  if (!existsSync(path)) writeFileSync(path, randomBytes(32), { mode: 0o600 })
  return readFileSync(path)
}

/**
 * An AWS inside this process. The product's SDK clients are real; what answers them is here. `directory` null keeps all of it
 * in memory. `random` makes the ids of messages and machines, which decide who comes first; keys are never made from it.
 */
export const createEmbeddedAws = async ({
  directory,
  clock,
  random = systemRandom,
}: {
  directory: string | null
  clock: Clock
  random?: Random
}) => {
  if (directory !== null) mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = directory === null ? ':memory:' : join(directory, 'aws.sqlite')
  const database = openDatabase(path)
  if (directory !== null) chmodSync(path, 0o600)
  const kms = createKms(database, clock, readRootKey(directory), EMBEDDED_PLACE)
  const dynamodb = createDynamoDb(database, clock)
  const secretsManager = createSecretsManager(database, clock, kms, EMBEDDED_PLACE)
  const queues = createQueues(database, clock, EMBEDDED_PLACE, random)
  const s3 = createS3(database, clock, queues)
  const ec2 = createEc2(database, clock, queues, {
    ...EMBEDDED_PLACE,
    subnets: EMBEDDED_SUBNETS,
    instanceType: EMBEDDED_INSTANCE_TYPE,
    random,
  })
  const ses = createSes(directory === null ? null : join(directory, 'outbox'), clock)
  const sts = await createSts(database, clock, kms, ISSUER, EMBEDDED_PLACE.accountId)

  /** One set of clients, as one process would have. A hook sees each of its calls. */
  const createClients = (hook: CallHook = (_call, proceed) => proceed()) => {
    const call = (name: string, service: Service) => callService(name, service, () => hook)
    const options = { region: EMBEDDED_PLACE.region, endpoint: 'http://embedded', credentials: CREDENTIALS }
    const json = (name: string, service: Service) => ({
      ...options,
      requestHandler: jsonRequestHandler(call(name, service)),
    })
    const s3Client = createS3Client(options)
    answerInProcess(s3Client.middlewareStack, call('s3', s3.service))
    const ec2Client = createEc2Client(options)
    answerInProcess(ec2Client.middlewareStack, call('ec2', ec2.service))
    const launchClient = createLaunchClient(options)
    answerInProcess(launchClient.middlewareStack, call('ec2', ec2.service))
    const sesClient = createSesClient(options)
    answerInProcess(sesClient.middlewareStack, call('ses', ses.service))
    return {
      dynamo: toDocumentClient(new DynamoDBClient(json('dynamodb', dynamodb.service))),
      secrets: createSecretsClient(json('secretsmanager', secretsManager.service)),
      kms: createKmsClient(json('kms', kms.service)),
      sqs: new SQSClient({ ...json('sqs', queues.sqs), md5: false }),
      events: new EventBridgeClient(json('events', queues.eventBridge)),
      s3: s3Client,
      ec2: ec2Client,
      launcher: launchClient,
      ses: sesClient,
    }
  }

  /** The STS as one machine sees it. */
  const createStsClientOf = (instanceArn: string): STSClient => {
    const client = new STSClient({
      region: EMBEDDED_PLACE.region,
      endpoint: 'http://embedded',
      credentials: CREDENTIALS,
    })
    answerInProcess(
      client.middlewareStack,
      callService('sts', sts.serviceFor(instanceArn), () => (_call, proceed) => proceed()),
    )
    return client
  }

  return {
    createClients,
    createStsClientOf,
    /** Each service's operations, for whoever serves them in another way than to clients in this process. */
    services: {
      dynamodb: dynamodb.service,
      secretsmanager: secretsManager.service,
      kms: kms.service,
      sqs: queues.sqs,
      events: queues.eventBridge,
      s3: s3.service,
      ec2: ec2.service,
      ses: ses.service,
    } satisfies Record<string, Service>,
    stsServiceOf: sts.serviceFor,
    proofKeys: sts.keys,
    /** As the issuer publishes them (RFC 7517). */
    issuerKeys: sts.published,
    proofIssuer: sts.issuer,
    machines: ec2,
    releaseReceived: queues.releaseReceived,
    sweepExpired: dynamodb.sweepExpired,
    database,
    close: () => database.close(),
  }
}

export type EmbeddedAws = Awaited<ReturnType<typeof createEmbeddedAws>>
export type AwsClients = ReturnType<EmbeddedAws['createClients']>
