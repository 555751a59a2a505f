import { createDynamoClient, createSecretsClient } from '../aws/clients.aws.ts'
import { createEc2Client, createLaunchClient } from '../aws/ec2-client.aws.ts'
import { createS3Client } from '../aws/s3-client.aws.ts'
import type { LaunchingEnv } from '../contract/env.ts'
import { proofAudience } from '../contract/instance.ts'
import { systemClock, systemPause } from '../core/clock.ts'
import { createLogger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { createProvisioningDeps, type ProvisionerNames } from './provisioning-deps.aws.ts'

export const createLaunchingClients = () => ({
  dynamo: createDynamoClient({}),
  secrets: createSecretsClient({}),
  ec2: createEc2Client({}),
  launcher: createLaunchClient({}),
  s3: createS3Client({}),
})

export const launchingNames = (env: LaunchingEnv): ProvisionerNames => ({
  stage: env.VESTIBULE_STAGE,
  directoryTable: env.DIRECTORY_TABLE,
  auditTable: env.AUDIT_TABLE,
  agentsTable: env.AGENTS_TABLE,
  limitsTable: env.LIMITS_TABLE,
  requestsBucket: env.REQUESTS_BUCKET,
  region: env.AWS_REGION,
  accountId: env.ACCOUNT_ID,
})

/** What both functions that handle machines begin with. */
export const createLaunchingEntry = (env: LaunchingEnv, clients: ReturnType<typeof createLaunchingClients>) =>
  createProvisioningDeps(
    clients,
    launchingNames(env),
    {
      launchTemplateId: env.LAUNCH_TEMPLATE,
      subnetIds: env.SUBNETS,
      amiId: env.AMI,
      instanceType: env.INSTANCE_TYPE,
      agentSecurityGroupId: env.AGENT_SECURITY_GROUP,
      supportSecurityGroupId: env.SUPPORT_SECURITY_GROUP,
      stage: env.VESTIBULE_STAGE,
      region: env.AWS_REGION,
      quarantineSecurityGroupId: env.QUARANTINE_SECURITY_GROUP,
      release: env.AGENT_RELEASE,
      releaseKey: env.RELEASE_KEY,
      assetsOrigin: env.ASSETS_ORIGIN,
      apiUrl: env.SITE_ORIGIN,
      proofAudience: proofAudience(env.SITE_ORIGIN),
    },
    { clock: systemClock, pause: systemPause, random: systemRandom, logger: createLogger() },
  )
