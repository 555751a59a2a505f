import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import * as backup from 'aws-cdk-lib/aws-backup'
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import * as events from 'aws-cdk-lib/aws-events'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kms from 'aws-cdk-lib/aws-kms'
import type { Construct } from 'constructs'

const KEPT_DAYS = 90

/** A backup every night, kept for 90 days, beside the 35 days of point-in-time recovery. */
export const addBackups = (scope: Construct, id: string, key: kms.IKey, tables: readonly dynamodb.Table[]): void => {
  const vault = new backup.BackupVault(scope, `${id}Vault`, {
    encryptionKey: key,
    removalPolicy: RemovalPolicy.RETAIN,
  })
  const plan = new backup.BackupPlan(scope, `${id}Plan`, { backupVault: vault })
  plan.addRule(
    new backup.BackupPlanRule({
      ruleName: 'nightly',
      scheduleExpression: events.Schedule.cron({ hour: '3', minute: '17' }),
      deleteAfter: Duration.days(KEPT_DAYS),
    }),
  )
  const role = new iam.Role(scope, `${id}Role`, { assumedBy: new iam.ServicePrincipal('backup.amazonaws.com') })
  role.addToPolicy(
    new iam.PolicyStatement({
      actions: [
        'dynamodb:DescribeTable',
        'dynamodb:CreateBackup',
        'dynamodb:StartAwsBackupJob',
        'dynamodb:ListTagsOfResource',
      ],
      resources: tables.map(({ tableArn }) => tableArn),
    }),
  )
  role.addToPolicy(
    new iam.PolicyStatement({
      actions: ['dynamodb:DescribeBackup', 'dynamodb:DeleteBackup'],
      resources: tables.map(({ tableArn }) => `${tableArn}/backup/*`),
    }),
  )
  role.addToPolicy(
    new iam.PolicyStatement({
      actions: ['backup:DescribeBackupVault', 'backup:CopyIntoBackupVault'],
      resources: [vault.backupVaultArn],
    }),
  )
  role.addToPolicy(
    new iam.PolicyStatement({
      actions: ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey', 'kms:CreateGrant'],
      resources: [key.keyArn],
    }),
  )
  plan.addSelection('Tables', {
    role,
    disableDefaultBackupPolicy: true,
    resources: tables.map((table) => backup.BackupResource.fromDynamoDbTable(table)),
  })
}
