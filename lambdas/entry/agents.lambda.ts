import middy from '@middy/core'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { systemPause } from '../core/clock.ts'
import { once } from '../core/once.ts'
import { proofAudience } from '../contract/instance.ts'
import { createApp } from '../http/app.ts'
import { addAgentsRoutes } from '../http/agents-routes.ts'
import { createIssuerKeys } from '../provisioning/issuer-keys.aws.ts'
import { createAgentsDeps } from './deps.aws.ts'
import { createHttpHandler, lambdaPlatform } from './http-handler.ts'
import { createWebEntry } from './web-entry.aws.ts'

const env = loadEnv(FunctionEnv.agents, process.env)
const { clients, names, ambient, gate } = createWebEntry(env)
const place = { region: env.AWS_REGION, accountId: env.ACCOUNT_ID, stage: names.stage }
const issuer = env.PROOF_ISSUER

/** Loaded when first needed: who only looks at the dashboard does not wait for the clients of S3 and KMS. */
const requests = once(async () => (await import('./agents-writes.aws.ts')).createRequests(env.REQUESTS_BUCKET, ambient))
const tenantKeys = once(async () =>
  (await import('./agents-writes.aws.ts')).createKeys(place, { ...ambient, pause: systemPause }),
)
const trustedCas = once(async () => (await import('./agents-writes.aws.ts')).createCas(env.SUPPORT_CA_KEYS))

const deps = createAgentsDeps(
  clients,
  { ...names, agentsTable: env.AGENTS_TABLE, agentsPerTenant: env.AGENTS_PER_TENANT },
  ambient,
  {
    pause: systemPause,
    requests: { put: async (agent, verb) => (await requests()).put(agent, verb) },
    tenantKeys: { ensure: async (tenantId) => (await tenantKeys()).ensure(tenantId) },
    trustedCas: async () => (await trustedCas())(),
    proof: { keys: createIssuerKeys(issuer), issuer: issuer ?? '', audience: proofAudience(env.SITE_ORIGIN) },
  },
)

/** Onboarding, credentials, lifecycle, and the machines' own calls, behind the HTTP API. */
export const handler = middy(createHttpHandler(createApp([addAgentsRoutes], deps, lambdaPlatform, gate)))
