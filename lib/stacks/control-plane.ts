import { Stack, type StackProps } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as logs from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { ServiceFunction } from '../constructs/service-function.ts'
import type { DataStack } from './data.ts'

export interface ControlPlaneProps extends StackProps {
  data: DataStack
  stage: string
  version: string
  siteOrigin: string
  logRetention: logs.RetentionDays
}

/** The functions that answer. Each has a role of its own with the rights that its code uses and no other. */
export class ControlPlaneStack extends Stack {
  readonly identity: ServiceFunction<'identity'>

  constructor(
    scope: Construct,
    id: string,
    { data, stage, version, siteOrigin, logRetention, ...props }: ControlPlaneProps,
  ) {
    super(scope, id, props)
    this.identity = new ServiceFunction(this, 'Identity', {
      functionName: 'identity',
      memoryMegabytes: 1769,
      reservedConcurrency: 50,
      logKey: data.key,
      logRetention,
      environment: {
        VESTIBULE_STAGE: stage,
        VESTIBULE_VERSION: version,
        DIRECTORY_TABLE: data.directoryTable.tableName,
        LIMITS_TABLE: data.limitsTable.tableName,
        AUDIT_TABLE: data.auditTable.tableName,
        SITE_ORIGIN: siteOrigin,
        SESSION_KEYS_SECRET: data.sessionKeysSecret.secretArn,
        ORIGIN_PROOF_SECRET: data.originProofSecret.secretArn,
      },
    })
    this.grantIdentity(data)
  }

  private grantIdentity(data: DataStack): void {
    const allow = (actions: string[], resources: string[]): void => {
      this.identity.role.addToPolicy(new iam.PolicyStatement({ actions, resources }))
    }
    allow(
      [
        'dynamodb:GetItem',
        'dynamodb:BatchGetItem',
        'dynamodb:PutItem',
        'dynamodb:UpdateItem',
        'dynamodb:DeleteItem',
        'dynamodb:ConditionCheckItem',
        'dynamodb:Query',
      ],
      [data.directoryTable.tableArn],
    )
    allow(
      ['dynamodb:Query'],
      [`${data.directoryTable.tableArn}/index/listed`, `${data.auditTable.tableArn}/index/by-time`],
    )
    allow(['dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'], [data.limitsTable.tableArn])
    allow(['dynamodb:PutItem', 'dynamodb:Query'], [data.auditTable.tableArn])
    allow(['secretsmanager:GetSecretValue'], [data.sessionKeysSecret.secretArn, data.originProofSecret.secretArn])
    allow(['kms:Decrypt'], [data.key.keyArn])
  }
}
