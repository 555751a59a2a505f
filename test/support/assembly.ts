import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { once } from '../../lambdas/core/once.ts'
import { type Bundles, bundleFunctions } from '../../lib/bundles.ts'
import { parseDeployConfig } from '../../lib/config.ts'
import { attachNag } from '../../lib/nag.ts'
import { createStacks, type Stacks } from '../../lib/vestibule.ts'

export const ISSUER = 'https://00000000-0000-4000-8000-000000000000.tokens.sts.global.api.aws'

/** Nothing chosen: what a newcomer deploys. */
export const MINIMAL = {}

/** Everything chosen that adds something. */
export const FULL = {
  stage: 'full',
  region: 'eu-central-1',
  domainName: 'vestibule.example.com',
  certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/0a0a-1',
  firstAdminEmail: 'root@example.com',
  mailSender: 'hello@example.com',
  identityIssuer: ISSUER,
  egressProfile: 'private',
  auditLockDays: '2555',
  alarmEmail: 'ops@example.com',
  breakGlassPrincipal: 'arn:aws:iam::123456789012:role/ops',
  breakGlassUntil: '2027-01-31T12:00:00Z',
}

/** What the functions are tested with: everything that gives a function something to do. */
export const WORKING = { mailSender: 'hello@example.com', identityIssuer: ISSUER, agentsPerTenant: '50' }

export interface Assembly {
  directory: string
  stacks: Stacks
  bundles: Bundles
}

/** The functions are the same whatever is chosen. */
const bundled = once(() => bundleFunctions(mkdtempSync(join(tmpdir(), 'vestibule-functions-'))))

/** The CDK app, synthesised into a folder of its own, cdk-nag and all. */
export const synthesise = async (config: Record<string, unknown>): Promise<Assembly> => {
  const directory = mkdtempSync(join(tmpdir(), 'vestibule-assembly-'))
  const app = new App({
    outdir: directory,
    context: { '@aws-cdk/core:defaultCrossStackReferences': 'strong' },
    analyticsReporting: false,
  })
  const bundles = await bundled()
  const stacks = createStacks(app, parseDeployConfig(config), '0.0.0-test', bundles)
  attachNag(app, stacks)
  app.synth()
  return { directory, stacks, bundles }
}
