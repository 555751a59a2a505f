import { randomBytes } from 'node:crypto'
import { CreateTableCommand } from '@aws-sdk/client-dynamodb'
import { PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge'
import { CreateKeyCommand } from '@aws-sdk/client-kms'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager'
import { CreateQueueCommand } from '@aws-sdk/client-sqs'
import { EMBEDDED_PLACE, EMBEDDED_SUBNETS, type EmbeddedAws } from '../../local/aws/embedded-aws.ts'
import type { Templates } from './templates.ts'

const { region, accountId } = EMBEDDED_PLACE

/** Makes on the embedded AWS what the templates describe, as far as functions get to see it. */
export const createResources = async (aws: EmbeddedAws, templates: Templates): Promise<void> => {
  const { ofType, resolve, bind } = templates
  const clients = aws.createClients()

  for (const key of ofType('AWS::KMS::Key')) {
    const { KeySpec, KeyUsage } = key.Properties
    const { KeyMetadata } = await clients.kms.send(new CreateKeyCommand({ Description: key.id, KeySpec, KeyUsage }))
    bind(key, { Ref: KeyMetadata?.KeyId ?? '', Arn: KeyMetadata?.Arn ?? '' })
  }
  for (const table of ofType('AWS::DynamoDB::Table')) {
    const TableName = `${table.stack}-${table.id}`
    const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes } = table.Properties
    await clients.dynamo.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema,
        AttributeDefinitions,
        GlobalSecondaryIndexes,
      }),
    )
    bind(table, { Ref: TableName, Arn: `arn:aws:dynamodb:${region}:${accountId}:table/${TableName}` })
  }
  for (const bucket of ofType('AWS::S3::Bucket')) {
    const name = `${bucket.stack}-${bucket.id}`.toLowerCase()
    await clients.s3.send(new CreateBucketCommand({ Bucket: name }))
    bind(bucket, {
      Ref: name,
      Arn: `arn:aws:s3:::${name}`,
      RegionalDomainName: `${name}.s3.${region}.amazonaws.com`,
    })
  }
  for (const secret of ofType('AWS::SecretsManager::Secret')) {
    const { SecretStringTemplate, GenerateStringKey, PasswordLength } = secret.Properties.GenerateSecretString
    const generated = randomBytes(PasswordLength).toString('hex').slice(0, PasswordLength)
    const { ARN } = await clients.secrets.send(
      new CreateSecretCommand({
        Name: secret.id,
        SecretString: JSON.stringify({ ...JSON.parse(SecretStringTemplate), [GenerateStringKey]: generated }),
        KmsKeyId: resolve(secret.stack, secret.Properties.KmsKeyId),
      }),
    )
    bind(secret, { Ref: ARN ?? '' })
  }
  const queues = ofType('AWS::SQS::Queue').toSorted(
    (left, right) => Number('RedrivePolicy' in left.Properties) - Number('RedrivePolicy' in right.Properties),
  )
  for (const queue of queues) {
    const { RedrivePolicy, VisibilityTimeout = 30 } = resolve(queue.stack, queue.Properties)
    const { QueueUrl } = await clients.sqs.send(
      new CreateQueueCommand({
        QueueName: queue.id,
        Attributes: {
          VisibilityTimeout: String(VisibilityTimeout),
          ...(RedrivePolicy === undefined ? {} : { RedrivePolicy: JSON.stringify(RedrivePolicy) }),
        },
      }),
    )
    bind(queue, { Ref: QueueUrl ?? '', Arn: `arn:aws:sqs:${region}:${accountId}:${queue.id}`, QueueName: queue.id })
  }

  const arnFor = (type: string, service: string, kind: string): void => {
    for (const resource of ofType(type)) {
      bind(resource, { Ref: resource.id, Arn: `arn:aws:${service}:${region}:${accountId}:${kind}${resource.id}` })
    }
  }
  arnFor('AWS::IAM::Role', 'iam', 'role/')
  arnFor('AWS::IAM::InstanceProfile', 'iam', 'instance-profile/')
  arnFor('AWS::Logs::LogGroup', 'logs', 'log-group:')
  arnFor('AWS::Lambda::Function', 'lambda', 'function:')
  for (const group of ofType('AWS::EC2::SecurityGroup')) bind(group, { Ref: group.id, GroupId: `sg-${group.id}` })
  for (const template of ofType('AWS::EC2::LaunchTemplate')) bind(template, { Ref: `lt-${template.id}` })
  const subnetIds = Object.keys(EMBEDDED_SUBNETS)
  for (const [place, subnet] of ofType('AWS::EC2::Subnet').entries())
    bind(subnet, { Ref: subnetIds[place] ?? subnet.id })
  for (const api of ofType('AWS::ApiGatewayV2::Api')) {
    bind(api, { Ref: 'api', ApiEndpoint: `https://api.execute-api.${region}.amazonaws.com` })
  }
  for (const one of ofType('AWS::CloudFront::Distribution'))
    bind(one, { Ref: 'edge', DomainName: 'site.cloudfront.net' })

  for (const rule of ofType('AWS::Events::Rule')) {
    const { EventPattern, Targets } = resolve(rule.stack, rule.Properties)
    if (EventPattern === undefined || Targets === undefined) continue
    await clients.events.send(new PutRuleCommand({ Name: rule.id, EventPattern: JSON.stringify(EventPattern) }))
    await clients.events.send(
      new PutTargetsCommand({ Rule: rule.id, Targets: [{ Id: 'target', Arn: Targets[0].Arn }] }),
    )
  }
}
