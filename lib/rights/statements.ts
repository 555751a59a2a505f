import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import * as iam from 'aws-cdk-lib/aws-iam'
import { SECRET_RECOVERY_DAYS } from '../../lambdas/contract/facts.ts'
import type { Place } from './place.ts'

type RowAction = 'GetItem' | 'BatchGetItem' | 'ConditionCheckItem' | 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'Query'

export const allow = (
  actions: readonly string[],
  resources: readonly string[],
  conditions: Record<string, Record<string, string | string[]>> = {},
): iam.PolicyStatement => new iam.PolicyStatement({ actions: [...actions], resources: [...resources], conditions })

export const deny = (
  sid: string,
  actions: readonly string[],
  resources: readonly string[],
  conditions: Record<string, Record<string, string | string[]>> = {},
): iam.PolicyStatement =>
  new iam.PolicyStatement({
    sid,
    effect: iam.Effect.DENY,
    actions: [...actions],
    resources: [...resources],
    conditions,
  })

/**
 * Rows of one table by the start of their partition key (DynamoDB developer guide, "dynamodb:LeadingKeys"): a function that
 * looks after agents cannot read how people sign in, although both lie in one table.
 */
export const rows = (
  table: dynamodb.ITable,
  leadingKeys: readonly string[],
  actions: readonly RowAction[],
): iam.PolicyStatement =>
  allow(
    actions.map((action) => `dynamodb:${action}`),
    [table.tableArn],
    { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...leadingKeys] } },
  )

/** Deleting an agent's secret so that it can be had back for a week; never at once (AWS Secrets Manager, DeleteSecret). */
export const recoverableDelete = ({ agentSecrets }: Place): iam.PolicyStatement =>
  allow(['secretsmanager:DeleteSecret'], [agentSecrets], {
    NumericGreaterThanEquals: { 'secretsmanager:RecoveryWindowInDays': String(SECRET_RECOVERY_DAYS) },
  })

export const index = (table: dynamodb.ITable, name: string): iam.PolicyStatement =>
  allow(['dynamodb:Query'], [`${table.tableArn}/index/${name}`])
