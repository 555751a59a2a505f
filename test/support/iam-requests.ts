import { TAGS } from '../../lambdas/contract/tags.ts'
import { EMBEDDED_PLACE, type EmbeddedAws } from '../../local/aws/embedded-aws.ts'
import type { AwsCall } from '../../local/aws/service.ts'
import type { IamRequest } from './iam-policy.ts'

/** What a call asks of IAM: its own action and what the service does on the caller's behalf, as the service references say. */

export interface Surroundings {
  aws: EmbeddedAws
  dataKeyArn: string
  instanceRoleArn: string
  instanceProfileArn: string
  sesIdentity: string
  configurationSetArn: string
}

const { region, accountId } = EMBEDDED_PLACE
const via = (service: string) => ({ 'kms:ViaService': `${service}.${region}.amazonaws.com` })
const plain = (value: any): string => (typeof value === 'object' ? String(Object.values(value)[0]) : String(value))
const tableArn = (name: string) => `arn:aws:dynamodb:${region}:${accountId}:table/${name}`

const partitionOf = (item: Record<string, unknown> = {}): string[] => {
  const value = item.pk ?? item.chain
  return value === undefined ? [] : [plain(value)]
}

const dynamodb = ({ operation, input }: AwsCall, { dataKeyArn }: Surroundings): IamRequest[] => {
  const given = input as any
  const row = (action: string, table: string, keys: string[]): IamRequest => ({
    action: `dynamodb:${action}`,
    resource: tableArn(table),
    context: { 'dynamodb:LeadingKeys': keys },
  })
  const own = ((): IamRequest[] => {
    if (operation === 'TransactWriteItems') {
      return given.TransactItems.map((item: any) => {
        const [[kind, part]] = Object.entries<any>(item) as [[string, any]]
        return row(
          kind === 'ConditionCheck' ? 'ConditionCheckItem' : `${kind}Item`,
          part.TableName,
          partitionOf(part.Key ?? part.Item),
        )
      })
    }
    if (operation === 'BatchGetItem') {
      return Object.entries<any>(given.RequestItems).map(([table, { Keys }]) =>
        row(
          'BatchGetItem',
          table,
          Keys.flatMap((key: any) => partitionOf(key)),
        ),
      )
    }
    if (operation === 'Query') {
      const variable = /= (:\w+)/.exec(given.KeyConditionExpression)?.[1] ?? ''
      const request = row('Query', given.TableName, [plain(given.ExpressionAttributeValues[variable])])
      return [
        given.IndexName === undefined
          ? request
          : { ...request, resource: `${request.resource}/index/${given.IndexName}` },
      ]
    }
    return [row(operation, given.TableName, partitionOf(given.Key ?? given.Item))]
  })()
  return [...own, { action: 'kms:Decrypt', resource: dataKeyArn, context: via('dynamodb') }]
}

const keyTags = (aws: EmbeddedAws, keyArn: string): Record<string, string> => {
  const row = aws.database.get('SELECT tags FROM kms_key WHERE arn = ?', keyArn)
  const tags: { TagKey: string; TagValue: string }[] = JSON.parse(String(row?.tags ?? '[]'))
  return Object.fromEntries(tags.map(({ TagKey, TagValue }) => [`aws:ResourceTag/${TagKey}`, TagValue]))
}

const secretsmanager = ({ operation, input }: AwsCall, { aws, dataKeyArn }: Surroundings): IamRequest[] => {
  const given = input as any
  if (operation === 'ListSecrets') return [{ action: 'secretsmanager:ListSecrets', resource: '*', context: {} }]
  const id = given.SecretId ?? given.Name
  const row = aws.database.get('SELECT arn, key FROM sm_secret WHERE name = ? OR arn = ?', id, id)
  const resource = row === null ? `arn:aws:secretsmanager:${region}:${accountId}:secret:${id}-AbCdEf` : String(row.arn)
  const key = String(given.KmsKeyId ?? row?.key ?? '') || dataKeyArn
  const useKey = (action: string): IamRequest => ({
    action: `kms:${action}`,
    resource: key,
    context: { ...via('secretsmanager'), ...keyTags(aws, key), 'kms:EncryptionContext:SecretARN': resource },
  })
  const window = given.RecoveryWindowInDays
  const context: IamRequest['context'] =
    window === undefined ? {} : { 'secretsmanager:RecoveryWindowInDays': String(window) }
  if (operation === 'UntagResource') context['aws:TagKeys'] = given.TagKeys
  const own: IamRequest = { action: `secretsmanager:${operation}`, resource, context }
  switch (operation) {
    case 'GetSecretValue':
      return [own, ...(row === null ? [] : [useKey('Decrypt')])]
    case 'CreateSecret':
      return [own, { ...own, action: 'secretsmanager:TagResource' }, useKey('GenerateDataKey'), useKey('Decrypt')]
    case 'PutSecretValue':
      return [own, useKey('GenerateDataKey'), useKey('Decrypt')]
    default:
      return [own]
  }
}

const kms = ({ operation, input }: AwsCall, { aws }: Surroundings): IamRequest[] => {
  const given = input as any
  const keyArn = (id: string): string | null => {
    const alias = aws.database.get('SELECT key FROM kms_alias WHERE name = ?', id)
    const row = aws.database.get('SELECT arn FROM kms_key WHERE id = ? OR arn = ?', String(alias?.key ?? id), id)
    return row === null ? null : String(row.arn)
  }
  if (operation === 'CreateKey') {
    const context = Object.fromEntries(given.Tags.map((tag: any) => [`aws:RequestTag/${tag.TagKey}`, tag.TagValue]))
    return ['kms:CreateKey', 'kms:TagResource'].map((action) => ({ action, resource: '*', context }))
  }
  if (['ListKeys', 'ListAliases'].includes(operation))
    return [{ action: `kms:${operation}`, resource: '*', context: {} }]
  const key = keyArn(given.KeyId ?? given.TargetKeyId)
  // KMS looks for the alias first: one that is not there is "not found" to everybody.
  if (key === null) return []
  const context = {
    ...keyTags(aws, key),
    ...(given.PendingWindowInDays === undefined
      ? {}
      : { 'kms:ScheduleKeyDeletionPendingWindowInDays': String(given.PendingWindowInDays) }),
    ...Object.fromEntries(
      Object.entries<string>(given.EncryptionContext ?? {}).map(([name, value]) => [
        `kms:EncryptionContext:${name}`,
        value,
      ]),
    ),
  }
  const own: IamRequest = { action: `kms:${operation}`, resource: key, context }
  return operation === 'CreateAlias'
    ? [own, { ...own, resource: `arn:aws:kms:${region}:${accountId}:${given.AliasName}`, context: {} }]
    : [own]
}

const s3 = ({ operation, input }: AwsCall, { dataKeyArn }: Surroundings): IamRequest[] => {
  const { Bucket, Key } = input as any
  const useKey = operation === 'PutObject' ? 'kms:GenerateDataKey' : 'kms:Decrypt'
  return [
    { action: `s3:${operation}`, resource: `arn:aws:s3:::${Bucket}/${Key}`, context: {} },
    { action: useKey, resource: dataKeyArn, context: via('s3') },
  ]
}

const arn = (kind: string, id: string) => `arn:aws:ec2:${region}:${accountId}:${kind}/${id}`

const launch = (given: any, { aws, instanceRoleArn, instanceProfileArn }: Surroundings): IamRequest[] => {
  const template = { 'ec2:LaunchTemplate': arn('launch-template', given.LaunchTemplate.LaunchTemplateId) }
  const tagsOf = (kind: string) =>
    Object.fromEntries(
      (given.TagSpecifications.find((one: any) => one.ResourceType === kind)?.Tags ?? []).map((tag: any) => [
        `aws:RequestTag/${tag.Key}`,
        tag.Value,
      ]),
    )
  const run = (resource: string, context: Record<string, string> = {}): IamRequest => ({
    action: 'ec2:RunInstances',
    resource,
    context: { ...template, ...context },
  })
  const volumeKey = given.BlockDeviceMappings[0].Ebs.KmsKeyId
  const useKey = (action: string, more = {}): IamRequest => ({
    action: `kms:${action}`,
    resource: volumeKey,
    context: { ...via('ec2'), ...keyTags(aws, volumeKey), ...more },
  })
  return [
    run(arn('instance', 'new'), {
      ...tagsOf('instance'),
      'ec2:MetadataHttpTokens': given.MetadataOptions.HttpTokens,
      'ec2:MetadataHttpPutResponseHopLimit': String(given.MetadataOptions.HttpPutResponseHopLimit),
      'ec2:InstanceProfile': instanceProfileArn,
    }),
    run(arn('volume', 'new'), {
      ...tagsOf('volume'),
      'ec2:Encrypted': String(given.BlockDeviceMappings[0].Ebs.Encrypted),
    }),
    run(arn('network-interface', 'new')),
    run(arn('launch-template', given.LaunchTemplate.LaunchTemplateId)),
    run(arn('subnet', given.SubnetId)),
    ...given.SecurityGroupIds.map((id: string) => run(arn('security-group', id))),
    run(`arn:aws:ec2:${region}::image/${given.ImageId}`),
    ...['instance', 'volume'].map((kind) => ({
      action: 'ec2:CreateTags',
      resource: arn(kind, 'new'),
      context: { ...tagsOf(kind), 'ec2:CreateAction': 'RunInstances' },
    })),
    { action: 'iam:PassRole', resource: instanceRoleArn, context: { 'iam:PassedToService': 'ec2.amazonaws.com' } },
    ...['Decrypt', 'DescribeKey', 'GenerateDataKeyWithoutPlaintext', 'ReEncryptFrom', 'ReEncryptTo'].map((action) =>
      useKey(action),
    ),
    useKey('CreateGrant', { 'kms:GrantIsForAWSResource': 'true' }),
  ]
}

const ec2 = ({ operation, input }: AwsCall, surroundings: Surroundings): IamRequest[] => {
  const given = input as any
  if (operation === 'RunInstances') return launch(given, surroundings)
  if (operation === 'DescribeInstances') return [{ action: 'ec2:DescribeInstances', resource: '*', context: {} }]
  const ids: string[] = given.InstanceIds ?? [given.InstanceId]
  const onInstances = ids.map((id) => {
    const row = surroundings.aws.database.get('SELECT tags FROM ec2_instance WHERE id = ?', id)
    const tags: { Key: string; Value: string }[] = JSON.parse(String(row?.tags ?? '[]'))
    const stage = tags.find(({ Key }) => Key === TAGS.stage)?.Value
    return {
      action: `ec2:${operation}`,
      resource: arn('instance', id),
      context: stage === undefined ? {} : { [`aws:ResourceTag/${TAGS.stage}`]: stage },
    }
  })
  const onGroups: IamRequest[] = (given.Groups ?? []).map((id: string) => ({
    action: `ec2:${operation}`,
    resource: arn('security-group', id),
    context: {},
  }))
  return [...onInstances, ...onGroups]
}

const ses = ({ operation, input }: AwsCall, { sesIdentity, configurationSetArn }: Surroundings): IamRequest[] => {
  const context = { 'ses:FromAddress': (input as any).FromEmailAddress }
  return [sesIdentity, configurationSetArn].map((resource) => ({ action: `ses:${operation}`, resource, context }))
}

/** What Lambda does with a function's role to read its queue, or to put away an event that failed for good. */
export const queueRequests = (
  queueArn: string,
  actions: readonly string[],
  { dataKeyArn }: Surroundings,
): IamRequest[] => [
  ...actions.map((action) => ({ action: `sqs:${action}`, resource: queueArn, context: {} })),
  ...(actions.includes('SendMessage')
    ? [{ action: 'kms:GenerateDataKey', resource: dataKeyArn, context: via('sqs') }]
    : []),
  { action: 'kms:Decrypt', resource: dataKeyArn, context: via('sqs') },
]

const sqs = ({ operation, input }: AwsCall, surroundings: Surroundings): IamRequest[] => {
  const queueName = new URL((input as any).QueueUrl).pathname.split('/').at(-1)
  return queueRequests(`arn:aws:sqs:${region}:${accountId}:${queueName}`, [operation], surroundings)
}

const SERVICES: Record<string, (call: AwsCall, surroundings: Surroundings) => IamRequest[]> = {
  dynamodb,
  secretsmanager,
  kms,
  s3,
  ec2,
  ses,
  sqs,
}

export const iamRequestsOf = (call: AwsCall, surroundings: Surroundings): IamRequest[] => {
  const of = SERVICES[call.service]
  if (of === undefined)
    throw new Error(`no function should call ${call.service}; if one must, say here what it asks of IAM`)
  return of(call, surroundings)
}
