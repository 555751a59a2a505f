import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { createAccountStore } from '../accounts/account-store.aws.ts'
import { createTenantStore } from '../accounts/tenant-store.aws.ts'
import { createAgentStore } from '../agents/agent-store.aws.ts'
import { createAuditTrail } from '../audit/audit-trail.aws.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import { createCredentialVault } from '../credentials/credential-vault.aws.ts'
import type { AgentsDeps, CommonDeps, IdentityDeps, SupportDeps } from '../http/deps.ts'
import { createInviteStore } from '../invites/invite-store.aws.ts'
import { createLimiter } from '../limits/limiter.aws.ts'
import { createAttemptStore } from '../provisioning/attempt-store.aws.ts'
import { createSessionKeySource } from '../sessions/session-keys.aws.ts'
import { createSessionStore } from '../sessions/session-store.aws.ts'
import { createCertificateStore } from '../support/certificate-store.aws.ts'
import { recordSessions } from '../support/record-sessions.ts'
import { createTokenStore } from '../tokens/token-store.aws.ts'

/** Joins clients, names and stores for what answers HTTP. Lambda entries, the local server and the tests all come here. */

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

const createCommonDeps = (clients: WebClients, names: CommonNames, ambient: Ambient): CommonDeps => {
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

export const createSupportDeps = (
  clients: WebClients,
  names: CommonNames & Pick<AgentsNames, 'agentsTable'>,
  ambient: Ambient,
  ca: SupportDeps['ca'],
): SupportDeps => ({
  ...createCommonDeps(clients, names, ambient),
  agents: createAgentStore({ dynamo: clients.dynamo, agentsTable: names.agentsTable, random: ambient.random }),
  certificates: createCertificateStore({ dynamo: clients.dynamo, agentsTable: names.agentsTable }),
  ca,
})

export const createIdentityDeps = (
  clients: WebClients,
  names: CommonNames,
  ambient: Ambient & Pick<IdentityDeps, 'passwords' | 'postMail'>,
): IdentityDeps => ({
  ...createCommonDeps(clients, names, ambient),
  invites: createInviteStore({ dynamo: clients.dynamo, directoryTable: names.directoryTable }),
  passwords: ambient.passwords,
  postMail: ambient.postMail,
})

export const createAgentsDeps = (
  clients: WebClients,
  names: CommonNames & Pick<AgentsNames, 'agentsTable' | 'agentsPerTenant'>,
  ambient: Ambient,
  given: Pick<AgentsDeps, 'pause' | 'tenantKeys' | 'requests' | 'proof' | 'trustedCas'>,
): AgentsDeps => {
  const { dynamo, secrets } = clients
  const { agentsTable } = names
  const { random } = ambient
  const common = createCommonDeps(clients, names, ambient)
  const certificates = createCertificateStore({ dynamo, agentsTable })
  return {
    ...common,
    agents: createAgentStore({ dynamo, agentsTable, random }),
    attempts: createAttemptStore({ dynamo, agentsTable }),
    vault: createCredentialVault({ secrets, random }),
    recordSessions: (input) => recordSessions({ certificates, audit: common.audit }, input),
    ...given,
    agentsPerTenant: names.agentsPerTenant,
  }
}
