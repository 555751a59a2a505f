import middy from '@middy/core'
import { createPasswordHasher } from '../accounts/password-hash.ts'
import { createDynamoClient, createSecretsClient } from '../aws/clients.aws.ts'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { systemClock } from '../core/clock.ts'
import { createLogger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { createIdentityApp } from '../http/app.ts'
import { originProof } from '../http/middleware/origin-proof.ts'
import { createIdentityDeps } from './deps.aws.ts'
import { createHttpHandler, lambdaPlatform } from './http-handler.ts'
import { createOriginProofSource } from './origin-proofs.aws.ts'

const env = loadEnv(FunctionEnv.identity, process.env)
const clients = { dynamo: createDynamoClient({}), secrets: createSecretsClient({}) }
const ambient = { clock: systemClock, random: systemRandom, logger: createLogger() }
const names = {
  stage: env.VESTIBULE_STAGE,
  version: env.VESTIBULE_VERSION,
  siteOrigin: env.SITE_ORIGIN,
  directoryTable: env.DIRECTORY_TABLE,
  limitsTable: env.LIMITS_TABLE,
  auditTable: env.AUDIT_TABLE,
  sessionKeysSecret: env.SESSION_KEYS_SECRET,
}
const proofs = createOriginProofSource({
  secrets: clients.secrets,
  secretId: env.ORIGIN_PROOF_SECRET,
  clock: systemClock,
})
const deps = createIdentityDeps(clients, names, {
  ...ambient,
  passwords: createPasswordHasher(systemRandom),
  mailer: null,
})

/** Invites, sign-up, sign-in, sessions, tokens and the trail, behind the HTTP API. */
export const handler = middy(createHttpHandler(createIdentityApp(deps, lambdaPlatform, originProof(proofs))))
