import type * as iam from 'aws-cdk-lib/aws-iam'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import { TENANT_KEY_DELETION_DAYS } from '../../lambdas/contract/facts.ts'
import {
  ARCHIVE_PARTITION,
  AUDIT_SEGMENTS_PREFIX,
  AUDIT_TIME_INDEX,
  INVITE_MAIL_PURPOSE,
  launchPaceKey,
  OUTBOX_PARTITION,
  PASSING_INDEX,
  STRAY_KINDS,
  strayPartition,
  straySweepKey,
} from '../../lambdas/contract/names.ts'
import { TAGS } from '../../lambdas/contract/tags.ts'
import type { DataStack } from '../stacks/data.ts'
import type { NetworkStack } from '../stacks/network.ts'
import type { Place } from './place.ts'
import { allow, index, recoverableDelete, rows } from './statements.ts'

/** What Lambda does with a function's role to read its queues. */
const readingQueues = (...queues: sqs.IQueue[]): iam.PolicyStatement =>
  allow(
    ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
    queues.map(({ queueArn }) => queueArn),
  )

const decryptingData = (data: DataStack, place: Place, services: readonly string[]): iam.PolicyStatement =>
  allow(['kms:Decrypt'], [data.key.keyArn], {
    StringEquals: { 'kms:ViaService': services.map((service) => `${service}.${place.region}.amazonaws.com`) },
  })

/** One machine, from our template, in our subnets, tagged as ours, with its volume under its tenant's key. */
const launching = (network: NetworkStack, place: Place, amiId: string): iam.PolicyStatement[] => {
  const ec2 = `arn:aws:ec2:${place.region}:${place.accountId}`
  const tagged = { [`aws:RequestTag/${TAGS.stage}`]: place.stage }
  const template = `${ec2}:launch-template/${network.launchTemplateId}`
  const ourTemplate = { 'ec2:LaunchTemplate': template }
  return [
    allow(['ec2:RunInstances'], [place.instances], {
      StringEquals: { ...tagged, 'ec2:MetadataHttpTokens': 'required' },
      NumericEquals: { 'ec2:MetadataHttpPutResponseHopLimit': '1' },
      ArnEquals: { ...ourTemplate, 'ec2:InstanceProfile': network.instanceProfileArn },
    }),
    allow(['ec2:RunInstances'], [`${ec2}:volume/*`], {
      StringEquals: tagged,
      Bool: { 'ec2:Encrypted': 'true' },
      ArnEquals: ourTemplate,
    }),
    allow(['ec2:RunInstances'], [`${ec2}:network-interface/*`], { ArnEquals: ourTemplate }),
    allow(
      ['ec2:RunInstances'],
      [
        template,
        ...network.subnetIds.map((id) => `${ec2}:subnet/${id}`),
        `${ec2}:security-group/${network.agentSecurityGroupId}`,
      ],
      { ArnEquals: ourTemplate },
    ),
    allow(['ec2:RunInstances'], [`arn:aws:ec2:${place.region}::image/${amiId}`], { ArnEquals: ourTemplate }),
    allow(['ec2:CreateTags'], [place.instances, `${ec2}:volume/*`], {
      StringEquals: { ...tagged, 'ec2:CreateAction': 'RunInstances' },
    }),
    allow(['iam:PassRole'], [network.instanceRoleArn], {
      StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' },
    }),
    allow(
      ['kms:Decrypt', 'kms:DescribeKey', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'],
      [place.tenantKeys],
      { StringEquals: place.viaService('ec2') },
    ),
    allow(['kms:CreateGrant'], [place.tenantKeys], {
      StringEquals: place.viaService('ec2'),
      Bool: { 'kms:GrantIsForAWSResource': 'true' },
    }),
  ]
}

/** Machines and the rows about them; how both functions that look after machines bring an agent further. */
const converging = (data: DataStack, network: NetworkStack, place: Place, amiId: string): iam.PolicyStatement[] => {
  const groups = [network.agentSecurityGroupId, network.supportSecurityGroupId, network.quarantineSecurityGroupId]
  return [
    rows(data.directoryTable, ['TENANT#*', 'CHAIN#*'], ['GetItem', 'UpdateItem']),
    rows(data.auditTable, ['*'], ['PutItem']),
    rows(data.agentsTable, ['TENANT#*', 'AGENT#*'], ['GetItem', 'PutItem']),
    rows(data.agentsTable, ['INSTANCE#*'], ['PutItem']),
    rows(data.agentsTable, ['TENANT#*'], ['DeleteItem']),
    rows(data.limitsTable, [launchPaceKey.pk], ['UpdateItem']),
    allow(['secretsmanager:TagResource'], [place.agentSecrets]),
    // The tag that binds a secret to its machine may go; those that say whose it is stay.
    allow(['secretsmanager:UntagResource'], [place.agentSecrets], {
      'ForAllValues:StringEquals': { 'aws:TagKeys': TAGS.instanceArn },
      Null: { 'aws:TagKeys': 'false' },
    }),
    recoverableDelete(place),
    allow(['ec2:DescribeInstances'], ['*']),
    ...launching(network, place, amiId),
    allow(
      ['ec2:StopInstances', 'ec2:StartInstances', 'ec2:TerminateInstances', 'ec2:ModifyInstanceAttribute'],
      [place.instances],
      {
        StringEquals: place.ofStage,
      },
    ),
    allow(
      ['ec2:ModifyInstanceAttribute'],
      groups.map((id) => `arn:aws:ec2:${place.region}:${place.accountId}:security-group/${id}`),
    ),
  ]
}

/** Works off requests and instance states; reads no secret. */
export const provisionerRights = (
  data: DataStack,
  network: NetworkStack,
  place: Place,
  given: { launches: sqs.IQueue; others: sqs.IQueue; amiId: string },
): iam.PolicyStatement[] => [
  ...converging(data, network, place, given.amiId),
  rows(data.agentsTable, ['INSTANCE#*'], ['GetItem']),
  readingQueues(given.launches, given.others),
  allow(['sqs:SendMessage'], [given.launches.queueArn]),
  allow(['kms:GenerateDataKey'], [data.key.keyArn], { StringEquals: place.viaService('sqs') }),
  allow(['s3:GetObject'], [data.requestsBucket.arnForObjects('requests/*')]),
  decryptingData(data, place, ['dynamodb', 's3', 'sqs']),
]

/** Finds what nobody owns, marks it and ends it. To list keys, aliases and secrets is to list all of them: AWS knows no part. */
const sweeping = (data: DataStack, place: Place): iam.PolicyStatement[] => [
  rows(data.limitsTable, [straySweepKey.pk], ['GetItem', 'UpdateItem']),
  rows(data.agentsTable, STRAY_KINDS.map(strayPartition), ['Query', 'PutItem', 'DeleteItem']),
  rows(data.agentsTable, ['TENANT#*'], ['BatchGetItem']),
  allow(['secretsmanager:ListSecrets', 'kms:ListKeys', 'kms:ListAliases'], ['*']),
  // Whose a key without an alias is, is known by its tags alone; as a condition a fresh one does not count for minutes.
  allow(['kms:ListResourceTags', 'kms:DescribeKey'], [place.tenantKeys]),
  allow(['kms:ScheduleKeyDeletion'], [place.tenantKeys], {
    StringEquals: place.ofStage,
    NumericEquals: { 'kms:ScheduleKeyDeletionPendingWindowInDays': String(TENANT_KEY_DELETION_DAYS) },
  }),
]

/** Goes on with what was left; reads an agent's secret only to see which merges it holds. */
export const reconcilerRights = (
  data: DataStack,
  network: NetworkStack,
  place: Place,
  given: { deadLetters: sqs.IQueue; amiId: string },
): iam.PolicyStatement[] => [
  ...converging(data, network, place, given.amiId),
  ...sweeping(data, place),
  index(data.agentsTable, PASSING_INDEX),
  rows(data.limitsTable, [launchPaceKey.pk], ['GetItem']),
  allow(['secretsmanager:GetSecretValue'], [place.agentSecrets]),
  allow(['kms:Decrypt'], [place.tenantKeys], place.forAgentSecrets),
  allow(['sqs:SendMessage'], [given.deadLetters.queueArn]),
  allow(['kms:GenerateDataKey'], [data.key.keyArn], { StringEquals: place.viaService('sqs') }),
  decryptingData(data, place, ['dynamodb', 'sqs']),
]

/** Opens sealed links, mails them, and notes what became of them. */
export const mailerRights = (
  data: DataStack,
  place: Place,
  mail: {
    queue: sqs.IQueue
    deadLetters: sqs.IQueue
    identityArn: string
    configurationSetArn: string
    sender: string
  },
): iam.PolicyStatement[] => [
  rows(data.directoryTable, [OUTBOX_PARTITION], ['Query', 'UpdateItem', 'DeleteItem']),
  rows(data.directoryTable, ['INVITE#*', 'CHAIN#*'], ['GetItem', 'UpdateItem']),
  rows(data.auditTable, ['*'], ['PutItem']),
  readingQueues(mail.queue),
  allow(['sqs:SendMessage'], [mail.deadLetters.queueArn]),
  allow(['kms:GenerateDataKey'], [data.key.keyArn], { StringEquals: place.viaService('sqs') }),
  decryptingData(data, place, ['dynamodb', 'sqs']),
  allow(['kms:Decrypt'], [data.key.keyArn], {
    StringEquals: { 'kms:EncryptionContext:purpose': INVITE_MAIL_PURPOSE, 'kms:EncryptionContext:stage': place.stage },
  }),
  allow(['ses:SendEmail'], [mail.identityArn, mail.configurationSetArn], {
    StringEquals: { 'ses:FromAddress': mail.sender },
  }),
]

/** Reads the trail and its heads, and puts what is not there yet: writes no event, deletes nothing, writes nothing over. */
export const archivistRights = (data: DataStack, place: Place, deadLetters: sqs.IQueue): iam.PolicyStatement[] => [
  rows(data.directoryTable, ['CHAIN#*'], ['BatchGetItem']),
  rows(data.directoryTable, [ARCHIVE_PARTITION], ['Query', 'UpdateItem']),
  rows(data.auditTable, ['*'], ['Query']),
  index(data.auditTable, AUDIT_TIME_INDEX),
  allow(['s3:PutObject', 's3:GetObject'], [data.archiveBucket.arnForObjects(`${AUDIT_SEGMENTS_PREFIX}*`)]),
  allow(['sqs:SendMessage'], [deadLetters.queueArn]),
  allow(['kms:GenerateDataKey'], [data.key.keyArn], {
    StringEquals: { 'kms:ViaService': ['s3', 'sqs'].map((service) => `${service}.${place.region}.amazonaws.com`) },
  }),
  decryptingData(data, place, ['dynamodb', 's3', 'sqs']),
]
