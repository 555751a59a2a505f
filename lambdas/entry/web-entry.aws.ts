import { createDynamoClient, createSecretsClient } from '../aws/clients.aws.ts'
import type { WebEnv } from '../contract/env.ts'
import { systemClock } from '../core/clock.ts'
import { createLogger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { originProof } from '../http/middleware/origin-proof.ts'
import { createOriginProofSource } from './origin-proofs.aws.ts'

/** What every function behind the HTTP API begins with: its clients, its names, and the gate that only our edge passes. */
export const createWebEntry = (env: WebEnv) => {
  const clients = { dynamo: createDynamoClient({}), secrets: createSecretsClient({}) }
  const proofs = createOriginProofSource({
    secrets: clients.secrets,
    secretId: env.ORIGIN_PROOF_SECRET,
    clock: systemClock,
  })
  return {
    clients,
    gate: originProof(proofs),
    ambient: { clock: systemClock, random: systemRandom, logger: createLogger() },
    names: {
      stage: env.VESTIBULE_STAGE,
      version: env.VESTIBULE_VERSION,
      siteOrigin: env.SITE_ORIGIN,
      directoryTable: env.DIRECTORY_TABLE,
      limitsTable: env.LIMITS_TABLE,
      auditTable: env.AUDIT_TABLE,
      sessionKeysSecret: env.SESSION_KEYS_SECRET,
    },
  }
}
