import type { KMSClient } from '@aws-sdk/client-kms'
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { createSecretList } from '../credentials/secret-list.aws.ts'
import { createUnnamedKeys } from '../credentials/unnamed-keys.aws.ts'
import { createStrayStore } from '../provisioning/stray-store.aws.ts'
import type { ProvisionerNames } from './provisioning-deps.aws.ts'

/** What the sweep of strays needs beside what looks after agents. */
export const createSweepDeps = (
  { dynamo, secrets, kms }: { dynamo: DynamoDBDocumentClient; secrets: SecretsManagerClient; kms: KMSClient },
  { stage, agentsTable, limitsTable }: Pick<ProvisionerNames, 'stage' | 'agentsTable' | 'limitsTable'>,
) => ({
  strays: createStrayStore({ dynamo, agentsTable, limitsTable }),
  unnamedKeys: createUnnamedKeys({ kms, stage }),
  secretList: createSecretList({ secrets, stage }),
})
