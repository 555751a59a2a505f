import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import type { AwsCredentialIdentity } from '@aws-sdk/types'

/** What may differ between Lambda (nothing given) and an embedded or other AWS-compatible endpoint. */
export interface ClientOptions {
  region?: string
  endpoint?: string
  credentials?: AwsCredentialIdentity
  requestHandler?: DynamoDBClientConfig['requestHandler']
}

/**
 * Three tries with the SDK's jittered back-off; time-outs short enough that a browser's request ends in our own 503 and not
 * in the gateway's time-out.
 */
export const CLIENT_DEFAULTS = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 5_000 },
} as const

/** `removeUndefinedValues`: an absent optional field is absent in the item too, never a NULL. */
export const toDocumentClient = (client: DynamoDBClient): DynamoDBDocumentClient =>
  DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } })

/**
 * One client per service and process: connections and signing keys are reused. The others have a file each, so that a
 * function loads only those that it uses, and loads late what it seldom needs.
 */
export const createDynamoClient = (options: ClientOptions) =>
  toDocumentClient(new DynamoDBClient({ ...CLIENT_DEFAULTS, ...options }))
export const createSecretsClient = (options: ClientOptions) =>
  new SecretsManagerClient({ ...CLIENT_DEFAULTS, ...options })
