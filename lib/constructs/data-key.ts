import { RemovalPolicy, Stack } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as kms from 'aws-cdk-lib/aws-kms'
import type { Construct } from 'constructs'

/**
 * The one key of the installation's own data. AWS services that hold or carry that data may use it, each only for this
 * account; who of our own may use it is said by the roles (AWS KMS developer guide, "Permissions for AWS services").
 */
export const createDataKey = (scope: Construct, id: string): kms.Key => {
  const key = new kms.Key(scope, id, {
    description: 'Vestibule: tables, requests, queues, logs, site and installation secrets',
    enableKeyRotation: true,
    removalPolicy: RemovalPolicy.RETAIN,
  })
  const { account, region } = Stack.of(scope)
  const allow = (
    sid: string,
    service: string,
    actions: string[],
    conditions: Record<string, Record<string, string>>,
  ): void => {
    key.addToResourcePolicy(
      new iam.PolicyStatement({
        sid,
        principals: [new iam.ServicePrincipal(service)],
        actions,
        resources: ['*'],
        conditions,
      }),
    )
  }
  const both = ['kms:Decrypt', 'kms:GenerateDataKey']
  const fromHere = { StringEquals: { 'aws:SourceAccount': account } }
  allow(
    'Logs',
    `logs.${region}.amazonaws.com`,
    ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
    {
      ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:aws:logs:${region}:${account}:log-group:*` },
    },
  )
  allow('EventsToQueues', 'events.amazonaws.com', both, fromHere)
  allow('AlarmsToTopic', 'cloudwatch.amazonaws.com', both, fromHere)
  allow('TrailToBucket', 'cloudtrail.amazonaws.com', ['kms:GenerateDataKey*', 'kms:DescribeKey'], {
    ArnLike: { 'aws:SourceArn': `arn:aws:cloudtrail:${region}:${account}:trail/*` },
  })
  allow('SiteThroughEdge', 'cloudfront.amazonaws.com', ['kms:Decrypt'], {
    ArnLike: { 'aws:SourceArn': `arn:aws:cloudfront::${account}:distribution/*` },
  })
  return key
}
