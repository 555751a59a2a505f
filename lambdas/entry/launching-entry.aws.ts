import { createDynamoClient, createSecretsClient } from '../aws/clients.aws.ts'
import { createEc2Client } from '../aws/ec2-client.aws.ts'
import { createS3Client } from '../aws/s3-client.aws.ts'
import type { LaunchingEnv } from '../contract/env.ts'
import { proofAudience } from '../contract/instance.ts'
import { systemClock } from '../core/clock.ts'
import { createLogger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { createProvisioningDeps } from './provisioning-deps.aws.ts'

/** What both functions that handle machines begin with. */
export const createLaunchingEntry = (env: LaunchingEnv) =>
  createProvisioningDeps(
    {
      dynamo: createDynamoClient({}),
      secrets: createSecretsClient({}),
      ec2: createEc2Client({}),
      s3: createS3Client({}),
    },
    {
      stage: env.VESTIBULE_STAGE,
      directoryTable: env.DIRECTORY_TABLE,
      auditTable: env.AUDIT_TABLE,
      agentsTable: env.AGENTS_TABLE,
      requestsBucket: env.REQUESTS_BUCKET,
      region: env.AWS_REGION,
      accountId: env.ACCOUNT_ID,
    },
    {
      launchTemplateId: env.LAUNCH_TEMPLATE,
      subnetIds: env.SUBNETS,
      amiId: env.AMI,
      instanceType: env.INSTANCE_TYPE,
      agentSecurityGroupId: env.AGENT_SECURITY_GROUP,
      supportSecurityGroupId: env.SUPPORT_SECURITY_GROUP,
      quarantineSecurityGroupId: env.QUARANTINE_SECURITY_GROUP,
      release: env.AGENT_RELEASE,
      apiUrl: env.SITE_ORIGIN,
      proofAudience: proofAudience(env.SITE_ORIGIN),
    },
    { clock: systemClock, random: systemRandom, logger: createLogger() },
  )
