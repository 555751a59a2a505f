import type * as iam from 'aws-cdk-lib/aws-iam'
import {
  AUDIT_TIME_INDEX,
  INVITE_MAIL_PURPOSE,
  LISTED_INDEX,
  OUTBOX_PARTITION,
  SUPPORT_INDEX,
} from '../../lambdas/contract/names.ts'
import { TENANT_KEY_DELETION_DAYS } from '../../lambdas/contract/facts.ts'
import { TAGS } from '../../lambdas/contract/tags.ts'
import type { DataStack } from '../stacks/data.ts'
import type { Place } from './place.ts'
import { allow, index, recoverableDelete, rows } from './statements.ts'

/** To know who is calling, to keep counts, and to write down what was done: what every web function does. */
const answering = (data: DataStack, place: Place): iam.PolicyStatement[] => [
  rows(data.directoryTable, ['CHAIN#*'], ['GetItem', 'UpdateItem']),
  rows(data.auditTable, ['*'], ['PutItem']),
  allow(['secretsmanager:GetSecretValue'], [data.sessionKeysSecret.secretArn, data.originProofSecret.secretArn]),
  allow(['kms:Decrypt'], [data.key.keyArn], {
    StringEquals: {
      'kms:ViaService': [`dynamodb.${place.region}.amazonaws.com`, `secretsmanager.${place.region}.amazonaws.com`],
    },
  }),
]

/** Invites, accounts, sessions, tokens, the trail; no agent, no credential. */
export const identityRights = (data: DataStack, place: Place, sendsMail: boolean): iam.PolicyStatement[] => [
  ...answering(data, place),
  rows(data.directoryTable, ['ACCOUNT#*'], ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query']),
  rows(data.directoryTable, ['SIGNIN#*', 'TENANT#*', 'INVITE#*'], ['GetItem', 'PutItem', 'UpdateItem']),
  // One statement: the rows of a session lie in both, and are read in one call.
  rows(data.directoryTable, ['ACCOUNT#*', 'TENANT#*'], ['BatchGetItem', 'ConditionCheckItem']),
  rows(data.directoryTable, ['PENDING#*'], ['PutItem', 'DeleteItem']),
  rows(data.directoryTable, ['ADMINS'], ['UpdateItem']),
  index(data.directoryTable, LISTED_INDEX),
  rows(data.limitsTable, ['LIMIT#*'], ['GetItem', 'UpdateItem', 'DeleteItem']),
  rows(data.auditTable, ['*'], ['Query']),
  index(data.auditTable, AUDIT_TIME_INDEX),
  ...(sendsMail
    ? [
        rows(data.directoryTable, [OUTBOX_PARTITION], ['PutItem']),
        allow(['kms:Encrypt'], [data.key.keyArn], {
          StringEquals: {
            'kms:EncryptionContext:purpose': INVITE_MAIL_PURPOSE,
            'kms:EncryptionContext:stage': place.stage,
          },
        }),
      ]
    : []),
]

/** Agents of a tenant, their credentials under the tenant's key, requests for machines; not how people sign in. */
export const agentsRights = (
  data: DataStack,
  place: Place,
  supportCaKeys: readonly string[],
): iam.PolicyStatement[] => [
  ...answering(data, place),
  rows(data.directoryTable, ['ACCOUNT#*', 'TENANT#*'], ['BatchGetItem', 'UpdateItem']),
  rows(data.directoryTable, ['TENANT#*'], ['GetItem']),
  rows(data.limitsTable, ['LIMIT#*', 'PROOF#*'], ['UpdateItem']),
  rows(data.agentsTable, ['TENANT#*'], ['GetItem', 'PutItem', 'UpdateItem', 'Query']),
  rows(data.agentsTable, ['INSTANCE#*'], ['GetItem']),
  rows(data.agentsTable, ['AGENT#*'], ['GetItem', 'PutItem']),
  allow(
    [
      'secretsmanager:CreateSecret',
      'secretsmanager:TagResource',
      'secretsmanager:GetSecretValue',
      'secretsmanager:PutSecretValue',
    ],
    [place.agentSecrets],
  ),
  recoverableDelete(place),
  allow(['s3:PutObject'], [data.requestsBucket.arnForObjects('requests/*')]),
  allow(['kms:GenerateDataKey'], [data.key.keyArn], { StringEquals: place.viaService('s3') }),
  allow(['kms:CreateKey', 'kms:TagResource'], ['*'], {
    StringEquals: { [`aws:RequestTag/${TAGS.stage}`]: place.stage },
  }),
  allow(['kms:CreateAlias'], [place.tenantAliases]),
  // Without the tag as a condition: a fresh tag may take minutes to count, and the first agent of a tenant would wait for it.
  allow(['kms:CreateAlias', 'kms:DescribeKey', 'kms:EnableKeyRotation'], [place.tenantKeys]),
  allow(['kms:ScheduleKeyDeletion'], [place.tenantKeys], {
    StringEquals: place.ofStage,
    NumericEquals: { 'kms:ScheduleKeyDeletionPendingWindowInDays': String(TENANT_KEY_DELETION_DAYS) },
  }),
  allow(['kms:Decrypt', 'kms:GenerateDataKey'], [place.tenantKeys], place.forAgentSecrets),
  // To tell machines whom to trust; only the support function signs.
  allow(['kms:GetPublicKey'], supportCaKeys),
]

/** Agents whose tenants allow support, and the one right to sign; no secret but the two that every web function needs. */
export const supportRights = (data: DataStack, place: Place): iam.PolicyStatement[] => [
  ...answering(data, place),
  rows(data.directoryTable, ['ACCOUNT#*'], ['BatchGetItem', 'UpdateItem']),
  index(data.agentsTable, SUPPORT_INDEX),
  rows(data.agentsTable, ['AGENT#*'], ['Query', 'PutItem']),
  rows(data.agentsTable, ['TENANT#*'], ['GetItem', 'ConditionCheckItem']),
  rows(data.limitsTable, ['LIMIT#*'], ['UpdateItem']),
  allow(['kms:Sign', 'kms:GetPublicKey'], [data.supportCa.keyArn]),
]
