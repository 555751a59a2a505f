import { DescribeInstancesCommand, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  ListAliasesCommand,
  type ListAliasesCommandOutput,
  ListKeysCommand,
  type ListKeysCommandOutput,
  ListResourceTagsCommand,
  RotateKeyOnDemandCommand,
  ScheduleKeyDeletionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms'
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  type ListSecretsCommandOutput,
  PutSecretValueCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateSecretCommand,
} from '@aws-sdk/client-secrets-manager'
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import { beforeAll, describe, expect, it } from 'vitest'
import { connect, nameOf } from './services.ts'

let aws: Awaited<ReturnType<typeof connect>>

beforeAll(async () => {
  aws = await connect()
})

const token = (letter: string) => letter.repeat(40)

describe('what we rely on Secrets Manager for', () => {
  it('lets a version id be claimed once: same content repeats, other content loses', async () => {
    const SecretId = `conformance/${aws.unique}/claim`
    await aws.secrets.send(
      new CreateSecretCommand({ Name: SecretId, SecretString: 'one', ClientRequestToken: token('a') }),
    )
    const put = (SecretString: string) =>
      aws.secrets.send(new PutSecretValueCommand({ SecretId, SecretString, ClientRequestToken: token('b') }))

    expect((await put('two')).VersionId).toBe(token('b'))
    expect(await nameOf(put('two'))).toBe('no error')
    expect(await nameOf(put('three'))).toBe('ResourceExistsException')
    const current = await aws.secrets.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSCURRENT' }))
    const previous = await aws.secrets.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSPREVIOUS' }))
    expect([current.SecretString, current.VersionId, previous.SecretString]).toEqual(['two', token('b'), 'one'])
  })

  it('creates a name once, takes tags and gives them up, and blocks the name while it is scheduled for deletion', async () => {
    const Name = `conformance/${aws.unique}/life`
    await aws.secrets.send(new CreateSecretCommand({ Name, SecretString: 'x', Tags: [{ Key: 'a', Value: '1' }] }))
    await aws.secrets.send(new TagResourceCommand({ SecretId: Name, Tags: [{ Key: 'instance-arn', Value: 'arn' }] }))

    expect(await nameOf(aws.secrets.send(new CreateSecretCommand({ Name, SecretString: 'y' })))).toBe(
      'ResourceExistsException',
    )
    const { Tags } = await aws.secrets.send(new DescribeSecretCommand({ SecretId: Name }))
    expect(Tags?.toSorted((left, right) => (left.Key ?? '').localeCompare(right.Key ?? ''))).toEqual([
      { Key: 'a', Value: '1' },
      { Key: 'instance-arn', Value: 'arn' },
    ])
    for (let turn = 0; turn < 2; turn += 1)
      await aws.secrets.send(new UntagResourceCommand({ SecretId: Name, TagKeys: ['instance-arn'] }))
    const left = await aws.secrets.send(new DescribeSecretCommand({ SecretId: Name }))
    expect(left.Tags).toEqual([{ Key: 'a', Value: '1' }])
    await aws.secrets.send(new DeleteSecretCommand({ SecretId: Name, RecoveryWindowInDays: 7 }))
    expect(await nameOf(aws.secrets.send(new GetSecretValueCommand({ SecretId: Name })))).toBe(
      'InvalidRequestException',
    )
    expect(await nameOf(aws.secrets.send(new PutSecretValueCommand({ SecretId: Name, SecretString: 'z' })))).toBe(
      'InvalidRequestException',
    )
    expect(await nameOf(aws.secrets.send(new CreateSecretCommand({ Name, SecretString: 'z' })))).toBe(
      'InvalidRequestException',
    )
    expect(await nameOf(aws.secrets.send(new GetSecretValueCommand({ SecretId: 'nowhere' })))).toBe(
      'ResourceNotFoundException',
    )
  })
})

const newKey = async (): Promise<string> => (await aws.kms.send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? ''
const endKey = (KeyId: string) => aws.kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))

describe('what we rely on Secrets Manager for when a secret gets another key', () => {
  const withTwoVersions = async (Name: string, KmsKeyId: string) => {
    await aws.secrets.send(new CreateSecretCommand({ Name, KmsKeyId, SecretString: 'one' }))
    await aws.secrets.send(new PutSecretValueCommand({ SecretId: Name, SecretString: 'two' }))
    return async (VersionStage: string) =>
      (await aws.secrets.send(new GetSecretValueCommand({ SecretId: Name, VersionStage }))).SecretString
  }

  it('CLK-07 names the key, makes no version, and goes on reading what was labelled when the key before ends', async () => {
    const SecretId = `conformance/${aws.unique}/moved`
    const [former, next] = [await newKey(), await newKey()]
    const read = await withTwoVersions(SecretId, former)
    const before = await aws.secrets.send(new DescribeSecretCommand({ SecretId }))

    await aws.secrets.send(new UpdateSecretCommand({ SecretId, KmsKeyId: next }))

    const after = await aws.secrets.send(new DescribeSecretCommand({ SecretId }))
    expect([before.KmsKeyId, after.KmsKeyId]).toEqual([former, next])
    expect(after.VersionIdsToStages).toEqual(before.VersionIdsToStages)
    await endKey(former)
    expect([await read('AWSCURRENT'), await read('AWSPREVIOUS')]).toEqual(['two', 'one'])
    await aws.secrets.send(new PutSecretValueCommand({ SecretId, SecretString: 'three' }))
    expect([await read('AWSCURRENT'), await read('AWSPREVIOUS')]).toEqual(['three', 'two'])
    expect(await nameOf(aws.secrets.send(new UpdateSecretCommand({ SecretId: 'nowhere', KmsKeyId: next })))).toBe(
      'ResourceNotFoundException',
    )
  })

  it('CLK-07 keeps what was labelled under the key before too, and what came later under the new one alone', async ({
    skip,
  }) => {
    if (!aws.embedded) skip('moto does not encrypt secrets under their keys')
    const SecretId = `conformance/${aws.unique}/both`
    const [former, next] = [await newKey(), await newKey()]
    const read = await withTwoVersions(SecretId, former)
    await aws.secrets.send(new UpdateSecretCommand({ SecretId, KmsKeyId: next }))
    await aws.secrets.send(new PutSecretValueCommand({ SecretId, SecretString: 'three' }))

    await endKey(next)

    expect(await read('AWSPREVIOUS')).toBe('two')
    expect(await nameOf(read('AWSCURRENT'))).toBe('KMSInvalidStateException')
  })
})

describe('what we rely on lists for', () => {
  it('lists secrets by the beginning of their names, in pages, without those that are scheduled for deletion', async () => {
    const prefix = `conformance/${aws.unique}/listed/`
    for (const name of ['a', 'b', 'c', 'gone']) {
      const Tags = [{ Key: 'k', Value: name }]
      await aws.secrets.send(new CreateSecretCommand({ Name: `${prefix}${name}`, SecretString: 'x', Tags }))
    }
    await aws.secrets.send(new DeleteSecretCommand({ SecretId: `${prefix}gone`, RecoveryWindowInDays: 7 }))
    const found: unknown[] = []
    let NextToken: string | undefined
    do {
      const page: ListSecretsCommandOutput = await aws.secrets.send(
        new ListSecretsCommand({ Filters: [{ Key: 'name', Values: [prefix] }], MaxResults: 2, NextToken }),
      )
      expect(page.SecretList?.length).toBeLessThanOrEqual(2)
      expect(page.SecretList?.every(({ CreatedDate }) => CreatedDate instanceof Date)).toBe(true)
      found.push(...(page.SecretList ?? []).map(({ Name, Tags }) => [Name, Tags?.[0]?.Value]))
      NextToken = page.NextToken
    } while (NextToken !== undefined)

    expect(found.toSorted()).toEqual(['a', 'b', 'c'].map((name) => [`${prefix}${name}`, name]))
  })

  it('lists keys and aliases in pages, the aliases of one key, and the tags that a key was made with', async () => {
    const keys: string[] = []
    for (let count = 0; count < 3; count += 1) {
      const Tags = [{ TagKey: 'k', TagValue: String(count) }]
      keys.push((await aws.kms.send(new CreateKeyCommand({ Tags }))).KeyMetadata?.KeyId ?? '')
    }
    const aliases = keys.map((_, place) => `alias/conformance/${aws.unique}/listed-${place}`)
    for (const [place, TargetKeyId] of keys.entries())
      await aws.kms.send(new CreateAliasCommand({ AliasName: aliases[place], TargetKeyId }))
    const listed: (string | undefined)[] = []
    let Marker: string | undefined
    do {
      const page: ListKeysCommandOutput = await aws.kms.send(new ListKeysCommand({ Limit: 2, Marker }))
      listed.push(...(page.Keys ?? []).map(({ KeyId }) => KeyId))
      Marker = page.NextMarker
    } while (Marker !== undefined)
    const targets = new Map<string | undefined, string | undefined>()
    do {
      const page: ListAliasesCommandOutput = await aws.kms.send(new ListAliasesCommand({ Limit: 2, Marker }))
      for (const { AliasName, TargetKeyId } of page.Aliases ?? []) targets.set(AliasName, TargetKeyId)
      Marker = page.NextMarker
    } while (Marker !== undefined)

    expect(listed).toEqual(expect.arrayContaining(keys))
    expect(aliases.map((name) => targets.get(name))).toEqual(keys)
    const ofOne = await aws.kms.send(new ListAliasesCommand({ KeyId: keys[1] }))
    expect(ofOne.Aliases?.map(({ AliasName }) => AliasName)).toEqual([aliases[1]])
    const { Tags } = await aws.kms.send(new ListResourceTagsCommand({ KeyId: keys[2] }))
    expect(Tags).toEqual([{ TagKey: 'k', TagValue: '2' }])
    const { KeyMetadata } = await aws.kms.send(new DescribeKeyCommand({ KeyId: keys[0] }))
    expect(KeyMetadata?.CreationDate).toBeInstanceOf(Date)
  })
})

describe('what we rely on KMS for', () => {
  it('gives an alias to one key only, and finds the key by it', async () => {
    const AliasName = `alias/conformance/${aws.unique}`
    const first = await aws.kms.send(new CreateKeyCommand({}))
    const second = await aws.kms.send(new CreateKeyCommand({}))
    await aws.kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: first.KeyMetadata?.KeyId }))

    expect(
      await nameOf(aws.kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: second.KeyMetadata?.KeyId }))),
    ).toBe('AlreadyExistsException')
    expect((await aws.kms.send(new DescribeKeyCommand({ KeyId: AliasName }))).KeyMetadata?.Arn).toBe(
      first.KeyMetadata?.Arn,
    )
    await aws.kms.send(new ScheduleKeyDeletionCommand({ KeyId: second.KeyMetadata?.KeyId, PendingWindowInDays: 7 }))
    expect(
      (await aws.kms.send(new DescribeKeyCommand({ KeyId: second.KeyMetadata?.KeyId }))).KeyMetadata?.KeyState,
    ).toBe('PendingDeletion')
    expect(await nameOf(aws.kms.send(new DescribeKeyCommand({ KeyId: 'alias/nowhere' })))).toBe('NotFoundException')
  })
})

describe('what we rely on KMS for when a key is rotated or replaced', () => {
  const seal = async (KeyId: string, text: string) =>
    (await aws.kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from(text) }))).CiphertextBlob
  const open = async (KeyId: string, CiphertextBlob: Uint8Array | undefined) =>
    Buffer.from((await aws.kms.send(new DecryptCommand({ KeyId, CiphertextBlob }))).Plaintext ?? []).toString()

  it('CLK-07 opens what older material of a key sealed, and nothing that another key did', async () => {
    const [KeyId, other] = [await newKey(), await newKey()]
    const first = await seal(KeyId, 'first')

    await aws.kms.send(new RotateKeyOnDemandCommand({ KeyId }))

    const second = await seal(KeyId, 'second')
    expect([await open(KeyId, first), await open(KeyId, second)]).toEqual(['first', 'second'])
    expect(await nameOf(open(other, second))).toBe('IncorrectKeyException')
    expect((await aws.kms.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.Arn).toBe(KeyId)
    const signer = await aws.kms.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }))
    expect(await nameOf(aws.kms.send(new RotateKeyOnDemandCommand({ KeyId: signer.KeyMetadata?.KeyId })))).toBe(
      'UnsupportedOperationException',
    )
  })

  it('CLK-07 lets an alias lead to another key, and again to that one', async () => {
    const AliasName = `alias/conformance/${aws.unique}/moved`
    const [former, next] = [await newKey(), await newKey()]
    await aws.kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: former }))
    const move = (TargetKeyId: string) => aws.kms.send(new UpdateAliasCommand({ AliasName, TargetKeyId }))

    await move(next)
    await move(next)

    expect((await aws.kms.send(new DescribeKeyCommand({ KeyId: AliasName }))).KeyMetadata?.Arn).toBe(next)
    expect((await aws.kms.send(new ListAliasesCommand({ KeyId: former }))).Aliases).toEqual([])
    const nowhere = new UpdateAliasCommand({ AliasName: `${AliasName}-not`, TargetKeyId: next })
    expect(await nameOf(aws.kms.send(nowhere))).toBe('NotFoundException')
    await endKey(former)
    expect(await nameOf(move(former))).toBe('KMSInvalidStateException')
  })
})

describe('what we rely on S3 for', () => {
  it('writes an object once under If-None-Match and gives it back', async () => {
    const Bucket = `conformance-${aws.unique}`
    await aws.s3.send(new CreateBucketCommand({ Bucket }))
    const put = (Body: string) => aws.s3.send(new PutObjectCommand({ Bucket, Key: 'a/b.json', Body, IfNoneMatch: '*' }))
    await put('one')

    expect(await nameOf(put('two'))).toBe('PreconditionFailed')
    const got = await aws.s3.send(new GetObjectCommand({ Bucket, Key: 'a/b.json' }))
    expect(await got.Body?.transformToString()).toBe('one')
    expect(await nameOf(aws.s3.send(new GetObjectCommand({ Bucket, Key: 'nothing' })))).toBe('NoSuchKey')
  })
})

describe('what we rely on SQS for', () => {
  it('hides a message that was received until it is deleted', async () => {
    const { QueueUrl } = await aws.sqs.send(
      new CreateQueueCommand({ QueueName: `conformance-${aws.unique}`, Attributes: { VisibilityTimeout: '30' } }),
    )
    await aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello' }))
    const first = await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl }))
    const hidden = await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl }))
    await aws.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: first.Messages?.[0]?.ReceiptHandle }))

    expect(first.Messages?.[0]?.Body).toBe('hello')
    expect(hidden.Messages ?? []).toEqual([])
  })

  it('S13 serves a group with one message before the backlog of another is worked off', async ({ skip }) => {
    if (!aws.embedded) skip('moto has no fair queues')
    const { QueueUrl } = await aws.sqs.send(
      new CreateQueueCommand({ QueueName: `conformance-${aws.unique}-fair`, Attributes: { VisibilityTimeout: '300' } }),
    )
    const send = (MessageGroupId: string) =>
      aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: MessageGroupId, MessageGroupId }))
    const served: (string | undefined)[] = []
    const receive = async (): Promise<number> => {
      const { Messages = [] } = await aws.sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
      )
      served.push(...Messages.map(({ Body }) => Body))
      return Messages.length
    }
    for (let count = 0; count < 100; count += 1) await send('ten_a')
    // A group is known to be busy by what it has in flight: 30 messages, and a tenth of all (developer guide, fair queues).
    while (served.length < 40) await receive()
    await send('ten_b')
    while (served.length < 101) await receive()

    expect(served.filter((group) => group === 'ten_a')).toHaveLength(100)
    expect(served.indexOf('ten_b')).toBeGreaterThanOrEqual(40)
    expect(served.indexOf('ten_b')).toBeLessThan(100)
  })

  it('S13 serves messages without a group in the order that they came', async ({ skip }) => {
    if (!aws.embedded) skip('a standard queue keeps the order only as well as it can')
    const { QueueUrl } = await aws.sqs.send(new CreateQueueCommand({ QueueName: `conformance-${aws.unique}-plain` }))
    const bodies = ['1', '2', '3', '4']
    for (const MessageBody of bodies) {
      await aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }))
      await new Promise((resolve) => setTimeout(resolve, 2))
    }

    const { Messages } = await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))

    expect(Messages?.map(({ Body }) => Body)).toEqual(bodies)
  })
})

describe('what we rely on EC2 for', () => {
  it('launches once per client token and zone, and refuses the token for other parameters or after termination', async ({
    skip,
  }) => {
    if (!aws.embedded) skip('moto ignores client tokens; real EC2 is not launched from a test')
    const run = (SubnetId: string, ImageId = 'ami-1') =>
      aws.ec2.send(
        new RunInstancesCommand({
          ClientToken: 'conformance',
          LaunchTemplate: { LaunchTemplateId: 'lt', Version: '1' },
          ImageId,
          InstanceType: 't4g.small',
          MinCount: 1,
          MaxCount: 1,
          SubnetId,
          SecurityGroupIds: ['sg'],
          UserData: Buffer.from('x').toString('base64'),
          BlockDeviceMappings: [
            {
              DeviceName: '/dev/xvda',
              Ebs: {
                Encrypted: true,
                KmsKeyId: 'k',
                VolumeType: 'gp3',
                VolumeSize: 8,
                DeleteOnTermination: true,
              },
            },
          ],
          MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, HttpEndpoint: 'enabled' },
          TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'k', Value: 'v' }] }],
        }),
      )
    const first = (await run('subnet-a')).Instances?.[0]?.InstanceId
    const again = (await run('subnet-a')).Instances?.[0]?.InstanceId
    const elsewhere = (await run('subnet-b')).Instances?.[0]?.InstanceId

    expect(again).toBe(first)
    expect(elsewhere).not.toBe(first)
    expect(await nameOf(run('subnet-a', 'ami-2'))).toBe('IdempotentParameterMismatch')
    const found = await aws.ec2.send(
      new DescribeInstancesCommand({ Filters: [{ Name: 'client-token', Values: ['conformance'] }] }),
    )
    expect(found.Reservations).toHaveLength(2)
    await aws.ec2.send(new TerminateInstancesCommand({ InstanceIds: [first ?? ''] }))
    expect(await nameOf(aws.ec2.send(new TerminateInstancesCommand({ InstanceIds: ['i-0'] })))).toBe(
      'InvalidInstanceID.NotFound',
    )
  })
})
