import { Duration, Stack } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import { allow } from '../rights/statements.ts'
import type { ControlPlaneStack } from '../stacks/control-plane.ts'
import type { DataStack } from '../stacks/data.ts'

/**
 * For the night when the product cannot help itself: one named principal, with a second factor, an hour at a time, until a
 * date. It reads rows and logs and sends dead letters back to work; no secret, no change of a row. Each use raises an alarm.
 */
export const addBreakGlass = (
  scope: Construct,
  input: { principalArn: string; until: string; data: DataStack; controlPlane: ControlPlaneStack },
): iam.Role => {
  const { principalArn, until, data, controlPlane } = input
  const role = new iam.Role(scope, 'BreakGlass', {
    assumedBy: new iam.ArnPrincipal(principalArn).withConditions({
      Bool: { 'aws:MultiFactorAuthPresent': 'true' },
      DateLessThan: { 'aws:CurrentTime': until },
      // STS of another region would write its trail there, where no alarm listens.
      StringEquals: { 'aws:RequestedRegion': Stack.of(scope).region },
    }),
    maxSessionDuration: Duration.hours(1),
  })
  const tables = [data.agentsTable, data.auditTable].map(({ tableArn }) => tableArn)
  const notAfter = { DateLessThan: { 'aws:CurrentTime': until } }
  role.addToPolicy(allow(['dynamodb:GetItem', 'dynamodb:Query'], tables, notAfter))
  const { region } = Stack.of(scope)
  const via = ['dynamodb', 'sqs'].map((service) => `${service}.${region}.amazonaws.com`)
  role.addToPolicy(
    allow(['kms:Decrypt', 'kms:GenerateDataKey'], [data.key.keyArn], {
      ...notAfter,
      StringEquals: { 'kms:ViaService': via },
    }),
  )
  role.addToPolicy(
    allow(
      ['logs:FilterLogEvents'],
      controlPlane.functions.map(({ logGroup }) => logGroup.logGroupArn),
      notAfter,
    ),
  )
  role.addToPolicy(
    allow(
      ['sqs:StartMessageMoveTask', 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      controlPlane.deadLetters.map(({ queueArn }) => queueArn),
      notAfter,
    ),
  )
  const { launchQueue, provisionQueue } = controlPlane
  role.addToPolicy(allow(['sqs:SendMessage'], [launchQueue.queueArn, provisionQueue.queueArn], notAfter))
  return role
}
