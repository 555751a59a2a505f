import { request } from 'node:http'
import { Readable } from 'node:stream'
import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb'
import {
  DescribeInstancesCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from '@aws-sdk/client-kms'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { CreateSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SendEmailCommand, SESv2Client } from '@aws-sdk/client-sesv2'
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { GetWebIdentityTokenCommand, STSClient } from '@aws-sdk/client-sts'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newAgentId, newTenantId } from '../../lambdas/contract/ids.ts'
import { TAGS } from '../../lambdas/contract/tags.ts'
import { systemRandom } from '../../lambdas/core/random.ts'
import { createInstances } from '../../lambdas/provisioning/instances.aws.ts'
import { freezeAttempt } from '../../lambdas/provisioning/launch-attempt.ts'
import { createEmbeddedAws, EMBEDDED_PLACE, type EmbeddedAws } from '../../local/aws/embedded-aws.ts'
import { type AwsCall, AwsFault, type Service } from '../../local/aws/service.ts'
import { serveEmbeddedAws, type WireCall } from '../../local/aws/wire.ts'
import { localLaunchSettings } from '../../local/installation.ts'
import { createTestClock, START, type TestClock } from '../support/clock.ts'

const ACCESS_KEY = 'ASIAEXAMPLE'
const ARN = 'arn:aws:ec2:eu-central-1:000000000000:instance/i-0'
const HOSTILE = `<a href="x">Tom & 'Jerry'</a>\r\n&amp; ✓`

let clock: TestClock
let aws: EmbeddedAws
let served: Awaited<ReturnType<typeof serveEmbeddedAws>>
let calls: WireCall[]
let refusal: Error | null

const clientsOf = (options: { endpoint?: string; region?: string; credentials?: any; maxAttempts?: number }) => ({
  dynamo: new DynamoDBClient(options),
  secrets: new SecretsManagerClient(options),
  kms: new KMSClient(options),
  sqs: new SQSClient(options),
  events: new EventBridgeClient(options),
  s3: new S3Client(options),
  ec2: new EC2Client(options),
  ses: new SESv2Client(options),
  sts: new STSClient(options),
})
let clients: ReturnType<typeof clientsOf>

beforeEach(async () => {
  clock = createTestClock()
  aws = await createEmbeddedAws({ directory: null, clock })
  calls = []
  refusal = null
  const services: Record<string, Service> = { ...aws.services, sts: aws.stsServiceOf(ARN) }
  served = await serveEmbeddedAws({
    serviceFor: (name) => services[name] ?? null,
    hook: (call, proceed) => {
      calls.push(call)
      if (refusal !== null) throw refusal
      return proceed()
    },
  })
  clients = clientsOf({
    endpoint: served.url,
    region: EMBEDDED_PLACE.region,
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: 'secret' },
    maxAttempts: 1,
  })
})

afterEach(async () => {
  for (const client of Object.values(clients)) client.destroy()
  await served.close()
  aws.close()
  vi.unstubAllEnvs()
})

const errorOf = async (action: Promise<unknown>): Promise<any> => {
  try {
    await action
    return { name: 'no error' }
  } catch (error) {
    return error
  }
}
const nameOf = async (action: Promise<unknown>): Promise<string> => (await errorOf(action)).name

const mail = (text = 'text') =>
  new SendEmailCommand({
    FromEmailAddress: 'from@example.org',
    Destination: { ToAddresses: ['to@example.org'] },
    ConfigurationSetName: 'local',
    EmailTags: [{ Name: 'a', Value: 'b' }],
    Content: { Simple: { Subject: { Data: 's' }, Body: { Text: { Data: text }, Html: { Data: '<p>' } } } },
  })

const identity = () =>
  new GetWebIdentityTokenCommand({ Audience: ['one', 'two'], DurationSeconds: 120, SigningAlgorithm: 'ES384' })

/** Any one call of each service, to be refused. */
const oneOfEach = (): Record<string, () => Promise<unknown>> => ({
  dynamodb: () => clients.dynamo.send(new GetItemCommand({ TableName: 't', Key: { pk: { S: '1' } } })),
  secretsmanager: () => clients.secrets.send(new GetSecretValueCommand({ SecretId: 'a' })),
  kms: () => clients.kms.send(new CreateKeyCommand({})),
  sqs: () => clients.sqs.send(new CreateQueueCommand({ QueueName: 'q' })),
  events: () => clients.events.send(new PutEventsCommand({ Entries: [] })),
  s3: () => clients.s3.send(new GetObjectCommand({ Bucket: 'b', Key: 'k' })),
  ec2: () => clients.ec2.send(new DescribeInstancesCommand({})),
  ses: () => clients.ses.send(mail()),
  sts: () => clients.sts.send(identity()),
})

describe('the JSON services over HTTP', () => {
  it('keep items in DynamoDB, and tell a failed condition and a cancelled transaction by name and content', async () => {
    await clients.dynamo.send(
      new CreateTableCommand({
        TableName: 'table',
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      }),
    )
    const put = { TableName: 'table', Item: { pk: { S: HOSTILE }, n: { N: '1' } } }
    const once = { ...put, ConditionExpression: 'attribute_not_exists(pk)' }
    await clients.dynamo.send(new PutItemCommand(once))
    const got = await clients.dynamo.send(new GetItemCommand({ TableName: 'table', Key: { pk: { S: HOSTILE } } }))
    const again = await errorOf(clients.dynamo.send(new PutItemCommand(once)))
    const cancelled = await errorOf(
      clients.dynamo.send(new TransactWriteItemsCommand({ TransactItems: [{ Put: once }] })),
    )

    expect(got.Item).toEqual({ pk: { S: HOSTILE }, n: { N: '1' } })
    expect(again).toBeInstanceOf(ConditionalCheckFailedException)
    expect(cancelled).toBeInstanceOf(TransactionCanceledException)
    expect(cancelled.CancellationReasons[0].Code).toBe('ConditionalCheckFailed')
  })

  it('keep a secret in Secrets Manager under a name of its own', async () => {
    const create = () => clients.secrets.send(new CreateSecretCommand({ Name: 'a/b', SecretString: HOSTILE }))
    await create()
    const got = await clients.secrets.send(new GetSecretValueCommand({ SecretId: 'a/b' }))

    expect(got.SecretString).toBe(HOSTILE)
    expect(await nameOf(create())).toBe('ResourceExistsException')
    expect(await nameOf(clients.secrets.send(new GetSecretValueCommand({ SecretId: 'none' })))).toBe(
      'ResourceNotFoundException',
    )
  })

  it('encrypt and decrypt with KMS', async () => {
    const { KeyMetadata } = await clients.kms.send(new CreateKeyCommand({}))
    const Plaintext = new Uint8Array([1, 2, 0, 255])
    const { CiphertextBlob } = await clients.kms.send(new EncryptCommand({ KeyId: KeyMetadata?.KeyId, Plaintext }))
    const opened = await clients.kms.send(new DecryptCommand({ KeyId: KeyMetadata?.KeyId, CiphertextBlob }))

    expect(Buffer.from(opened.Plaintext ?? []).equals(Plaintext)).toBe(true)
  })

  it('pass a message through SQS, with the checksums that the client verifies', async () => {
    const { QueueUrl } = await clients.sqs.send(new CreateQueueCommand({ QueueName: 'queue' }))
    await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: HOSTILE }))
    const { Messages } = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl }))
    await clients.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages?.[0]?.ReceiptHandle }))
    clock.advanceSeconds(60)

    expect(Messages?.[0]?.Body).toBe(HOSTILE)
    expect((await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl }))).Messages ?? []).toEqual([])
    expect(await nameOf(clients.sqs.send(new ReceiveMessageCommand({ QueueUrl: `${served.url}/1/none` })))).toBe(
      'QueueDoesNotExist',
    )
  })

  it('find a queue that was made inside, by the address it has there', async () => {
    const inside = aws.createClients().sqs
    const { QueueUrl } = await inside.send(new CreateQueueCommand({ QueueName: 'queue' }))
    await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello' }))

    expect((await inside.send(new ReceiveMessageCommand({ QueueUrl }))).Messages?.[0]?.Body).toBe('hello')
    expect(calls.map(({ input }) => input)).toEqual([{ QueueUrl, MessageBody: 'hello' }])
  })

  it('take events by EventBridge', async () => {
    const Entries = [{ Source: 'test', DetailType: 'Test', Detail: '{}' }]

    expect((await clients.events.send(new PutEventsCommand({ Entries }))).FailedEntryCount).toBe(0)
  })
})

describe('S3 over HTTP', () => {
  const Bucket = 'requests'
  const Key = 'a b/ü+&?#%/../c.json'

  beforeEach(async () => {
    await clients.s3.send(new CreateBucketCommand({ Bucket }))
  })

  it('writes an object once under If-None-Match, and reads it back by whatever its key', async () => {
    const put = (Body: string) =>
      clients.s3.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: 'application/json', IfNoneMatch: '*' }))
    const { ETag } = await put(HOSTILE)
    const again = await errorOf(put('other'))
    const got = await clients.s3.send(new GetObjectCommand({ Bucket, Key }))

    expect([again.name, again.$metadata.httpStatusCode]).toEqual(['PreconditionFailed', 412])
    expect(await got.Body?.transformToString()).toBe(HOSTILE)
    expect([got.ETag, got.ContentLength]).toEqual([ETag, Buffer.byteLength(HOSTILE)])
    expect(calls.at(1)).toMatchObject({
      operation: 'PutObject',
      input: { Bucket, Key, Body: Buffer.from(HOSTILE), ContentType: 'application/json', IfNoneMatch: '*' },
    })
  })

  it('takes a streamed body, which comes in chunks with a trailer', async () => {
    const parts = [Buffer.alloc(20_000, 'a'), Buffer.from('\r\n0\r\n'), Buffer.alloc(70_000, 'b')]
    await clients.s3.send(new PutObjectCommand({ Bucket, Key, Body: Readable.from(parts), ContentLength: 90_005 }))
    const got = await clients.s3.send(new GetObjectCommand({ Bucket, Key }))

    expect(Buffer.from((await got.Body?.transformToByteArray()) ?? []).equals(Buffer.concat(parts))).toBe(true)
  })

  it('refuses chunks that are cut short or longer than they say', async () => {
    const put = async (body: string, length: number) => {
      const response = await fetch(`${served.url}/${Bucket}/key`, {
        method: 'PUT',
        headers: {
          authorization: `AWS4-HMAC-SHA256 Credential=${ACCESS_KEY}/20261121/eu-central-1/s3/aws4_request, Signature=0`,
          'content-encoding': 'aws-chunked',
          'x-amz-decoded-content-length': String(length),
        },
        body,
      })
      return [response.status, /<Code>(.*)<\/Code>/.exec(await response.text())?.[1]]
    }
    const refused = [400, 'IncompleteBody']

    expect(await put('3;chunk-signature=0\r\nabc\r\n0\r\n\r\n', 3)).toEqual([200, undefined])
    expect(await put('3\r\nabc\r\n0\r\n\r\n', 4)).toEqual(refused)
    expect(await put('3\r\nabc\r\n', 3)).toEqual(refused)
    expect(await put('3\r\nabcd\r\n0\r\n\r\n', 4)).toEqual(refused)
    expect(await put('ffffffff\r\nabc', 3)).toEqual(refused)
    expect(await put('', 0)).toEqual(refused)
  })

  it('answers by name what is not there, and what it does not do', async () => {
    expect(await nameOf(clients.s3.send(new GetObjectCommand({ Bucket, Key: 'none' })))).toBe('NoSuchKey')
    expect(await nameOf(clients.s3.send(new GetObjectCommand({ Bucket: 'none', Key })))).toBe('NoSuchBucket')
    expect(await nameOf(clients.s3.send(new DeleteObjectCommand({ Bucket, Key })))).toBe('UnknownOperationException')
    expect(await nameOf(clients.s3.send(new ListObjectsV2Command({ Bucket })))).toBe('UnknownOperationException')
  })
})

describe('EC2 over HTTP', () => {
  const agentId = newAgentId(START, systemRandom)
  const tenantId = newTenantId(START, systemRandom)
  const volumeKeyArn = 'arn:aws:kms:eu-central-1:000000000000:key/1'
  const settings = localLaunchSettings('http://127.0.0.1:8080')
  const attempt = freezeAttempt(settings, { agentId, tenantId, volumeKeyArn }, 1, START)
  const instancesOf = (ec2: EC2Client) => createInstances({ ...EMBEDDED_PLACE, ec2, launcher: ec2, stage: 'test' })

  const settle = () => {
    clock.advanceSeconds(2)
    aws.machines.advance()
  }

  it('asks and answers exactly as it does inside the process', async () => {
    const inside: AwsCall[] = []
    const insideInstances = instancesOf(
      aws.createClients((call, proceed) => {
        inside.push(call)
        return proceed()
      }).ec2,
    )
    const run = async (instances: ReturnType<typeof instancesOf>) => {
      const launched = await instances.launch(attempt)
      if (!launched.ok) throw new Error(launched.failure.awsCode)
      const { id } = launched.value
      const seen = [launched.value, await instances.observe(id), await instances.listLive(agentId)]
      seen.push(await instances.findByClientToken(attempt.clientToken), await instances.observe('i-none'))
      const changed = [await instances.setSecurityGroups(id, ['sg-1', 'sg-2'])]
      changed.push(await instances.setSecurityGroups('i-none', ['sg-1']))
      return { seen, changed }
    }
    const over = await run(instancesOf(clients.ec2))
    const within = await run(insideInstances)
    const [first] = within.seen

    expect(over.changed).toEqual([true, false])
    expect(over.changed).toEqual(within.changed)
    expect(over.seen[0]).toMatchObject({ state: 'pending', zone: 'eu-central-1a', launchedAt: START.toISOString() })
    expect(over.seen).toEqual([over.seen[0], over.seen[0], [over.seen[0]], over.seen[0], null])
    expect(first).toEqual({ ...over.seen[0], securityGroupIds: ['sg-1', 'sg-2'] })
    expect(inside.map(({ operation }) => operation)).toContain('RunInstances')
    expect(calls.map(({ service, operation, input }) => ({ service, operation, input }))).toEqual(inside)
  })

  it('stops, starts and terminates machines', async () => {
    const instances = instancesOf(clients.ec2)
    const launched = await instances.launch(attempt)
    const id = launched.ok ? launched.value.id : ''
    const stateAfter = async (step: (id: string) => Promise<unknown>) => {
      await step(id)
      settle()
      return (await instances.observe(id))?.state
    }
    settle()

    expect(await stateAfter(instances.stop)).toBe('stopped')
    expect(await stateAfter(instances.start)).toBe('running')
    expect(await stateAfter(instances.terminate)).toBe('terminated')
    expect(await instances.launch(attempt)).toEqual({
      ok: false,
      failure: { reason: 'attempt_spent', awsCode: 'IdempotentInstanceTerminated' },
    })
  })

  it('gives back whatever text a tag holds', async () => {
    const stage = HOSTILE
    await createInstances({ ...EMBEDDED_PLACE, ec2: clients.ec2, launcher: clients.ec2, stage }).launch(attempt)
    const filters = [{ Name: `tag:${TAGS.stage}`, Values: ['other', HOSTILE] }]
    const found = await clients.ec2.send(new DescribeInstancesCommand({ Filters: filters }))
    const none = await clients.ec2.send(
      new DescribeInstancesCommand({ Filters: [{ Name: 'instance-id', Values: ['i'] }] }),
    )

    expect(found.Reservations?.[0]?.Instances?.[0]?.Tags).toContainEqual({ Key: TAGS.stage, Value: HOSTILE })
    expect(found.Reservations?.[0]?.Instances?.[0]?.LaunchTime).toEqual(START)
    expect(none.Reservations).toEqual([])
  })

  it('tells its errors by their codes', async () => {
    const InstanceIds = ['i-0']
    const modify = new ModifyInstanceAttributeCommand({ InstanceId: 'i-0', Groups: [] })

    expect(await nameOf(clients.ec2.send(new TerminateInstancesCommand({ InstanceIds })))).toBe(
      'InvalidInstanceID.NotFound',
    )
    expect(await nameOf(clients.ec2.send(modify))).toBe('ValidationException')
    expect(await instancesOf(clients.ec2).launch({ ...attempt, subnetId: 'subnet-z' })).toEqual({
      ok: false,
      failure: { reason: 'launch_refused', awsCode: 'InvalidSubnetID.NotFound' },
    })
  })

  const post = async (form: string) => {
    const authorization = `AWS4-HMAC-SHA256 Credential=${ACCESS_KEY}/20261121/eu-central-1/ec2/aws4_request, Signature=0`
    const response = await fetch(served.url, { method: 'POST', headers: { authorization }, body: form })
    return /<Code>(.*)<\/Code>/.exec(await response.text())?.[1]
  }

  it('orders a list by its numbers, whatever order they came in', async () => {
    await post('Action=StopInstances&InstanceId.10=c&InstanceId.2=b&InstanceId.1=a&Force=true')

    expect(calls[0]?.input).toEqual({ InstanceIds: ['a', 'b', 'c'], Force: true })
  })

  it('refuses a form whose names contradict each other or go too deep', async () => {
    expect(await post('Action=DescribeInstances&A.1=x&A.1.B=y')).toBe('MalformedQueryString')
    expect(await post('Action=DescribeInstances&A=x&A=y')).toBe('MalformedQueryString')
    expect(await post(`Action=DescribeInstances&${'A.'.repeat(20)}=x`)).toBe('MalformedQueryString')
    expect(await post('Action=constructor')).toBe('UnknownOperationException')
    expect(calls).toEqual([])
  })
})

describe('SES and STS over HTTP', () => {
  it('send a mail', async () => {
    expect((await clients.ses.send(mail(HOSTILE))).MessageId).toMatch(/^[0-9a-f-]{36}$/)
    expect(calls[0]?.input).toEqual(mail(HOSTILE).input)
  })

  it('give a machine its identity', async () => {
    const got = await clients.sts.send(identity())

    expect(decodeJwt(got.WebIdentityToken ?? '')).toMatchObject({ sub: ARN, aud: ['one', 'two'] })
    expect(got.Expiration).toEqual(new Date(START.getTime() + 120_000))
    expect(calls[0]?.input).toEqual(identity().input)
  })
})

describe('whoever serves the embedded AWS', () => {
  it('sees of each call who makes it and what it asks', async () => {
    for (const send of Object.values(oneOfEach())) await errorOf(send())

    expect(calls.map(({ accessKeyId, service, operation }) => [accessKeyId, service, operation])).toEqual([
      [ACCESS_KEY, 'dynamodb', 'GetItem'],
      [ACCESS_KEY, 'secretsmanager', 'GetSecretValue'],
      [ACCESS_KEY, 'kms', 'CreateKey'],
      [ACCESS_KEY, 'sqs', 'CreateQueue'],
      [ACCESS_KEY, 'events', 'PutEvents'],
      [ACCESS_KEY, 's3', 'GetObject'],
      [ACCESS_KEY, 'ec2', 'DescribeInstances'],
      [ACCESS_KEY, 'ses', 'SendEmail'],
      [ACCESS_KEY, 'sts', 'GetWebIdentityToken'],
    ])
  })

  it('can refuse any call by an error that the client knows by its name', async () => {
    for (const name of ['AccessDeniedException', 'UnauthorizedOperation']) {
      refusal = new AwsFault(name, HOSTILE, { statusCode: 403 })
      for (const [service, send] of Object.entries(oneOfEach())) {
        const error = await errorOf(send())
        expect([service, error.name, error.$metadata.httpStatusCode]).toEqual([service, name, 403])
        expect(error.message).toBe(HOSTILE)
      }
    }
  })

  it('has what breaks answered as a fault of the server', async () => {
    refusal = new Error('broken')
    for (const [service, send] of Object.entries(oneOfEach())) {
      const error = await errorOf(send())
      expect([service, error.name, error.$metadata.httpStatusCode]).toEqual([service, 'InternalFailure', 500])
    }
  })
})

describe('the door', () => {
  const post = (headers: Record<string, string>, body = '{}') =>
    fetch(served.url, { method: 'POST', headers, body }).then(async (response) => [
      response.status,
      (await response.json()).__type,
    ])
  const signedFor = (service: string) => ({
    authorization: `AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-central-1/${service}/aws4_request, SignedHeaders=host`,
    'x-amz-target': 'X.GetItem',
  })

  it('is closed to who says not who they are, or to whom nothing is known by that name', async () => {
    expect(await post({})).toEqual([403, 'MissingAuthenticationTokenException'])
    expect(await post({ authorization: 'Bearer x' })).toEqual([403, 'MissingAuthenticationTokenException'])
    expect(await post(signedFor('lambda'))).toEqual([400, 'UnknownOperationException'])
    expect(await post({ ...signedFor('kms'), 'x-amz-target': 'X.toString' })).toEqual([
      400,
      'UnknownOperationException',
    ])
    expect(calls).toEqual([])
  })

  it('is closed to a page that made a name of its own lead here', async () => {
    const statusFor = (host: string) =>
      new Promise((resolve, reject) => {
        const sent = request(served.url, { method: 'POST', headers: { ...signedFor('events'), host } }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        sent.on('error', reject).end('{}')
      })

    expect(await statusFor(`evil.example:${new URL(served.url).port}`)).toBe(403)
    expect(await statusFor('127.0.0.1:1')).toBe(403)
    expect(calls).toEqual([])
    expect(await statusFor(`localhost:${new URL(served.url).port}`)).toBe(400)
    expect(calls).toHaveLength(1)
  })

  it('is closed to what is not JSON, or longer than a mebibyte', async () => {
    expect(await post(signedFor('dynamodb'), '{')).toEqual([400, 'SerializationException'])
    expect(await post(signedFor('dynamodb'), ' '.repeat(1024 * 1024 + 1))).toEqual([413, 'RequestEntityTooLarge'])
    expect(calls).toEqual([])
  })

  it('opens to clients that know no more than the environment tells them', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', served.url)
    vi.stubEnv('AWS_REGION', EMBEDDED_PLACE.region)
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAFROMENV')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
    const plain = clientsOf({})
    await plain.s3.send(new CreateBucketCommand({ Bucket: 'bucket' }))
    await plain.s3.send(new PutObjectCommand({ Bucket: 'bucket', Key: 'key', Body: 'body' }))
    const { QueueUrl } = await plain.sqs.send(new CreateQueueCommand({ QueueName: 'queue' }))
    await plain.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello' }))
    await plain.sts.send(identity())
    await plain.ec2.send(new DescribeInstancesCommand({}))
    await plain.ses.send(mail())
    await plain.kms.send(new CreateKeyCommand({}))
    for (const client of Object.values(plain)) client.destroy()

    expect(calls[1]).toMatchObject({ operation: 'PutObject', input: { Bucket: 'bucket', Key: 'key' } })
    expect(calls).toHaveLength(8)
    expect(new Set(calls.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(['AKIAFROMENV']))
  })
})
