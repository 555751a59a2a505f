import type { EC2Client } from '@aws-sdk/client-ec2'
import type { S3Client } from '@aws-sdk/client-s3'
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { createTenantStore } from '../accounts/tenant-store.aws.ts'
import { createAgentStore } from '../agents/agent-store.aws.ts'
import { createProvisionRequests, type ProvisionRequests } from '../agents/provision-requests.aws.ts'
import { createAuditTrail } from '../audit/audit-trail.aws.ts'
import type { Pause } from '../core/clock.ts'
import { createCredentialVault } from '../credentials/credential-vault.aws.ts'
import { createAttemptStore } from '../provisioning/attempt-store.aws.ts'
import type { ProvisioningDeps } from '../provisioning/move-agent.ts'
import { createInstances } from '../provisioning/instances.aws.ts'
import { createLaunchPace } from '../provisioning/launch-pace.aws.ts'
import type { LaunchSettings } from '../provisioning/launch-attempt.ts'
import type { AgentsNames, Ambient } from './deps.aws.ts'

export type ProvisionerNames = Omit<AgentsNames, 'siteOrigin' | 'sessionKeysSecret' | 'agentsPerTenant' | 'version'>

/** Joins clients, names and stores for what launches and watches machines. */
export const createProvisioningDeps = (
  clients: {
    dynamo: DynamoDBDocumentClient
    secrets: SecretsManagerClient
    ec2: EC2Client
    launcher: EC2Client
    s3: S3Client
  },
  names: ProvisionerNames,
  settings: LaunchSettings,
  ambient: Ambient & { pause: Pause },
): ProvisioningDeps & { requests: ProvisionRequests } => {
  const { dynamo, secrets, ec2, launcher, s3 } = clients
  const { directoryTable, agentsTable, limitsTable, auditTable, region, accountId, stage } = names
  const { random, clock, pause, logger } = ambient
  return {
    ...{ clock, logger, stage, settings },
    agents: createAgentStore({ dynamo, agentsTable, random }),
    tenants: createTenantStore({ dynamo, directoryTable }),
    attempts: createAttemptStore({ dynamo, agentsTable }),
    audit: createAuditTrail({ dynamo, auditTable, directoryTable, clock, random }),
    pace: createLaunchPace({ dynamo, limitsTable, clock, pause }),
    vault: createCredentialVault({ secrets, random }),
    instances: createInstances({ ec2, launcher, region, accountId, stage }),
    requests: createProvisionRequests({ s3, bucket: names.requestsBucket, clock, random }),
  }
}
