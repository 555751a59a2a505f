import type { EC2Client } from '@aws-sdk/client-ec2'
import type { KMSClient } from '@aws-sdk/client-kms'
import type { S3Client } from '@aws-sdk/client-s3'
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { createAccountStore } from '../accounts/account-store.aws.ts'
import { createTenantStore } from '../accounts/tenant-store.aws.ts'
import { createAgentStore } from '../agents/agent-store.aws.ts'
import { createProvisionRequests } from '../agents/provision-requests.aws.ts'
import { createAuditTrail } from '../audit/audit-trail.aws.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import { createCredentialVault } from '../credentials/credential-vault.aws.ts'
import { createTenantKeys } from '../credentials/tenant-keys.aws.ts'
import type { AgentsDeps, CommonDeps, IdentityDeps } from '../http/deps.ts'
import { createInviteStore } from '../invites/invite-store.aws.ts'
import { createLimiter } from '../limits/limiter.aws.ts'
import { createAttemptStore } from '../provisioning/attempt-store.aws.ts'
import type { ProvisioningDeps } from '../provisioning/converge-agent.ts'
import type { ProofVerifier } from '../provisioning/instance-proof.ts'
import { createInstances } from '../provisioning/instances.aws.ts'
import type { LaunchSettings } from '../provisioning/launch-attempt.ts'
import { createSessionKeySource } from '../sessions/session-keys.aws.ts'
import { createSessionStore } from '../sessions/session-store.aws.ts'
import { createTokenStore } from '../tokens/token-store.aws.ts'

/** The one place that joins clients, names and stores. Lambda entries, the local server and the tests all come here. */

export interface Ambient {
  clock: Clock
  random: Random
  logger: Logger
}

export interface CommonNames {
  stage: string
  version: string
  siteOrigin: string
  directoryTable: string
  limitsTable: string
  auditTable: string
  sessionKeysSecret: string
}

export interface AgentsNames extends CommonNames {
  agentsTable: string
  requestsBucket: string
  region: string
  accountId: string
  agentsPerTenant: number
}

type WebClients = { dynamo: DynamoDBDocumentClient; secrets: SecretsManagerClient }

export const createCommonDeps = (clients: WebClients, names: CommonNames, ambient: Ambient): CommonDeps => {
  const { dynamo, secrets } = clients
  const { directoryTable, limitsTable, auditTable } = names
  const { random, clock } = ambient
  return {
    ...ambient,
    stage: names.stage,
    version: names.version,
    siteOrigin: names.siteOrigin,
    accounts: createAccountStore({ dynamo, directoryTable }),
    tenants: createTenantStore({ dynamo, directoryTable }),
    sessions: createSessionStore({ dynamo, directoryTable, random }),
    sessionKeys: createSessionKeySource({ secrets, secretId: names.sessionKeysSecret, clock }),
    tokens: createTokenStore({ dynamo, directoryTable, random }),
    limiter: createLimiter({ dynamo, limitsTable, clock, random }),
    audit: createAuditTrail({ dynamo, auditTable, directoryTable, clock, random }),
  }
}

export const createIdentityDeps = (
  clients: WebClients,
  names: CommonNames,
  ambient: Ambient & Pick<IdentityDeps, 'passwords' | 'mailer'>,
): IdentityDeps => ({
  ...createCommonDeps(clients, names, ambient),
  invites: createInviteStore({ dynamo: clients.dynamo, directoryTable: names.directoryTable }),
  passwords: ambient.passwords,
  mailer: ambient.mailer,
})

export const createAgentsDeps = (
  clients: WebClients & { kms: KMSClient; s3: S3Client },
  names: AgentsNames,
  ambient: Ambient,
  proof: ProofVerifier,
): AgentsDeps => {
  const { dynamo, secrets, kms, s3 } = clients
  const { agentsTable, requestsBucket, region, accountId, stage } = names
  const { random, clock } = ambient
  return {
    ...createCommonDeps(clients, names, ambient),
    agents: createAgentStore({ dynamo, agentsTable, random }),
    attempts: createAttemptStore({ dynamo, agentsTable }),
    vault: createCredentialVault({ secrets, random }),
    tenantKeys: createTenantKeys({ kms, place: { region, accountId, stage } }),
    requests: createProvisionRequests({ s3, bucket: requestsBucket, clock, random }),
    proof,
    agentsPerTenant: names.agentsPerTenant,
  }
}

export type ProvisionerNames = Omit<AgentsNames, 'siteOrigin' | 'sessionKeysSecret' | 'agentsPerTenant' | 'version'>

export const createProvisioningDeps = (
  clients: WebClients & { ec2: EC2Client; s3: S3Client },
  names: ProvisionerNames,
  settings: LaunchSettings,
  ambient: Ambient,
): ProvisioningDeps & Pick<AgentsDeps, 'requests'> => {
  const { dynamo, secrets, ec2, s3 } = clients
  const { directoryTable, agentsTable, auditTable, region, accountId, stage } = names
  const { random, clock, logger } = ambient
  return {
    ...{ clock, logger, stage, settings },
    agents: createAgentStore({ dynamo, agentsTable, random }),
    tenants: createTenantStore({ dynamo, directoryTable }),
    attempts: createAttemptStore({ dynamo, agentsTable }),
    audit: createAuditTrail({ dynamo, auditTable, directoryTable, clock, random }),
    vault: createCredentialVault({ secrets, random }),
    instances: createInstances({ ec2, region, accountId, stage }),
    requests: createProvisionRequests({ s3, bucket: names.requestsBucket, clock, random }),
  }
}
