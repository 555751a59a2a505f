import { RemovalPolicy } from 'aws-cdk-lib'
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import type * as kms from 'aws-cdk-lib/aws-kms'
import type { Construct } from 'constructs'
import type { KeyNames, TableShape } from '../../lambdas/contract/tables.ts'

const keyOf = ({ partition, sort }: KeyNames) => ({
  partitionKey: { name: partition, type: dynamodb.AttributeType.STRING },
  ...(sort === undefined ? {} : { sortKey: { name: sort, type: dynamodb.AttributeType.STRING } }),
})

/** A table in the shape that the product expects: on demand, under our key, recoverable, protected against deletion. */
export const createTable = (
  scope: Construct,
  id: string,
  shape: TableShape,
  encryptionKey: kms.IKey,
): dynamodb.Table => {
  const table = new dynamodb.Table(scope, id, {
    ...keyOf(shape.keys),
    billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
    encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED,
    encryptionKey,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
    timeToLiveAttribute: shape.timeToLive,
  })
  for (const [indexName, keys] of Object.entries(shape.indexes))
    table.addGlobalSecondaryIndex({ indexName, ...keyOf(keys) })
  return table
}
