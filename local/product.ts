import type { Hono } from 'hono'
import { createPasswordHasher, type ScryptCost } from '../lambdas/accounts/password-hash.ts'
import type { Clock, Pause } from '../lambdas/core/clock.ts'
import type { Logger } from '../lambdas/core/logger.ts'
import type { Random } from '../lambdas/core/random.ts'
import { proofAudience } from '../lambdas/contract/instance.ts'
import { agentSecretName } from '../lambdas/contract/names.ts'
import { archiveTrail } from '../lambdas/audit/archive-trail.ts'
import { createProvisionRequests } from '../lambdas/agents/provision-requests.aws.ts'
import { createTenantKeys } from '../lambdas/credentials/tenant-keys.aws.ts'
import { createArchiveDeps } from '../lambdas/entry/archive-deps.aws.ts'
import { createAgentsDeps, createIdentityDeps } from '../lambdas/entry/deps.aws.ts'
import { createMailDeps } from '../lambdas/entry/mail-deps.aws.ts'
import { createMailPost } from '../lambdas/entry/mail-post.aws.ts'
import { createProvisioningDeps } from '../lambdas/entry/provisioning-deps.aws.ts'
import { createSweepDeps } from '../lambdas/entry/sweep-deps.aws.ts'
import { addAgentsRoutes } from '../lambdas/http/agents-routes.ts'
import { createApp } from '../lambdas/http/app.ts'
import { addIdentityRoutes } from '../lambdas/http/identity-routes.ts'
import { addSupportRoutes } from '../lambdas/http/support-routes.ts'
import type { AppEnv, Platform } from '../lambdas/http/request.ts'
import { sendDueMail } from '../lambdas/invites/send-due-mail.ts'
import { createCertificateStore } from '../lambdas/support/certificate-store.aws.ts'
import { createSupportCa, createTrustedCas } from '../lambdas/support/support-ca.aws.ts'
import type { LaunchSettings } from '../lambdas/provisioning/launch-attempt.ts'
import { createLaunchLine } from '../lambdas/provisioning/launch-line.aws.ts'
import { runPass } from '../lambdas/provisioning/run-pass.ts'
import type { CallHook } from './aws/service.ts'
import type { EmbeddedAws } from './aws/embedded-aws.ts'
import { ensureInstallation, LOCAL_MAIL, LOCAL_STAGE, localLaunchSettings, localNames } from './installation.ts'
import { createStandIns } from './stand-in-instance.ts'
import { createWorker } from './worker.ts'

export interface ProductOptions {
  aws: EmbeddedAws
  siteOrigin: string
  version: string
  platform: Platform
  clock: Clock
  pause: Pause
  random: Random
  logger: Logger
  /** Sees every AWS call of this instance of the product: counts, faults, crashes. */
  hook?: CallHook
  /** What machines are made of, where they are more than stand-ins. */
  launch?: Partial<LaunchSettings>
  /** Tests hash cheaply; the deployed wiring and `npm start` leave this out. */
  scryptCost?: ScryptCost
}

/** The whole product in one process on an embedded AWS: the API, the provisioner's worker, the reconciler, the machines. */
export const createProduct = async (options: ProductOptions) => {
  const { aws, siteOrigin, platform, clock, pause, random, logger } = options
  const clients = aws.createClients(options.hook)
  const names = localNames(siteOrigin, options.version)
  const settings = { ...localLaunchSettings(siteOrigin), ...options.launch }
  const ambient = { clock, random, logger }
  const { launchesUrl, othersUrl, deadLetterUrl } = await ensureInstallation(aws.createClients(), names)
  const proof = { keys: aws.proofKeys, issuer: aws.proofIssuer, audience: proofAudience(siteOrigin) }
  const passwords = createPasswordHasher(random, options.scryptCost === undefined ? {} : { cost: options.scryptCost })
  const postMail = createMailPost(clients, names)
  const mail = createMailDeps(clients, names, LOCAL_MAIL, ambient)
  const archiving = createArchiveDeps(clients, names, ambient)
  const deps = {
    ...createIdentityDeps(clients, names, { ...ambient, passwords, postMail }),
    certificates: createCertificateStore({ dynamo: clients.dynamo, agentsTable: names.agentsTable }),
    ca: createSupportCa({ kms: clients.kms, keyId: names.supportCaKey }),
    ...createAgentsDeps(clients, names, ambient, {
      pause,
      proof,
      trustedCas: createTrustedCas({ kms: clients.kms, keyIds: [names.supportCaKey] }),
      tenantKeys: createTenantKeys({ kms: clients.kms, place: names, clock, pause }),
      requests: createProvisionRequests({ s3: clients.s3, bucket: names.requestsBucket, clock, random }),
    }),
  }
  const provisioning = {
    ...createProvisioningDeps(clients, names, settings, { ...ambient, pause }),
    line: createLaunchLine({ sqs: clients.sqs, queueUrl: launchesUrl }),
  }
  const reconciling = { ...provisioning, ...createSweepDeps(clients, names) }
  const app: Hono<AppEnv> = createApp([addIdentityRoutes, addAgentsRoutes, addSupportRoutes], deps, platform)
  const workOff = (queueUrl: string) =>
    createWorker({ sqs: clients.sqs, queueUrl, deadLetterUrl, deps: provisioning, logger })
  const secretIdOf = async (instanceId: string): Promise<string | null> => {
    const owner = await provisioning.attempts.readOwner(instanceId)
    return owner === null ? null : agentSecretName(LOCAL_STAGE, owner.tenantId, owner.agentId)
  }

  return {
    app,
    deps,
    provisioning,
    clients,
    names,
    deadLetterUrl,
    workLaunches: workOff(launchesUrl),
    workOthers: workOff(othersUrl),
    reconcile: () => runPass(reconciling),
    mail,
    sendMail: () => sendDueMail(mail),
    archive: () => archiveTrail(archiving),
    createStandIns: (post: (url: string, body: unknown) => Promise<number>) =>
      createStandIns({ aws, secrets: clients.secrets, secretIdOf, post, clock, logger }),
  }
}

export type Product = Awaited<ReturnType<typeof createProduct>>
