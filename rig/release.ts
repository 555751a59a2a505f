import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CreateAliasCommand, CreateKeyCommand } from '@aws-sdk/client-kms'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { buildRelease, type Platform, PLATFORMS } from '../agent/release/release.ts'
import { systemClock, systemPause } from '../lambdas/core/clock.ts'
import type { Logger } from '../lambdas/core/logger.ts'
import { systemRandom } from '../lambdas/core/random.ts'
import { createOperator } from '../lambdas/entry/operator.aws.ts'
import type { LaunchSettings } from '../lambdas/provisioning/launch-attempt.ts'
import { type AwsClients, EMBEDDED_PLACE } from '../local/aws/embedded-aws.ts'
import type { LocalNames } from '../local/installation.ts'
import packageFile from '../package.json' with { type: 'json' }

export const ASSETS_BUCKET = 'vestibule-assets'
export const ASSETS_ORIGIN = `https://${ASSETS_BUCKET}.s3.${EMBEDDED_PLACE.region}.amazonaws.com`
export const RELEASE_KEY = 'alias/vestibule/local/releases'

const thisPlatform = (): Platform => {
  const platform = PLATFORMS.find((one) => one === `linux-${process.arch}`)
  if (platform === undefined) throw new Error(`no release is made for linux-${process.arch}`)
  return platform
}

/**
 * What machines of this kind install, built as `npm run build:agent` builds it, but with this Node.js and a stand-in for Claude
 * Code; signed and uploaded by the operator's own code. Gives what the product is told of it.
 */
export const publishRelease = async (
  clients: AwsClients,
  names: LocalNames,
  logger: Logger,
  into: string,
): Promise<Pick<LaunchSettings, 'release' | 'releaseKey' | 'assetsOrigin'>> => {
  await clients.s3.send(new CreateBucketCommand({ Bucket: ASSETS_BUCKET }))
  const key = await clients.kms.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }))
  await clients.kms.send(new CreateAliasCommand({ AliasName: RELEASE_KEY, TargetKeyId: key.KeyMetadata?.KeyId }))
  const claude = fileURLToPath(new URL('stand-in-claude.mjs', import.meta.url))
  const { folder } = await buildRelease({
    platform: thisPlatform(),
    version: packageFile.version,
    programs: new Map([
      ['node', process.execPath],
      ['claude', claude],
    ]),
    into,
  })
  const operator = createOperator(
    clients,
    { ...names, siteBucket: 'none', originProofSecret: 'none', assetsBucket: ASSETS_BUCKET, releaseKey: RELEASE_KEY },
    { clock: systemClock, random: systemRandom, pause: systemPause, logger },
  )
  const { release, publicKey } = await operator.publishAgent({
    list: readFileSync(join(folder, 'release.txt')),
    bundle: readFileSync(join(folder, 'bundle.tar.gz')),
  })
  return { release, releaseKey: publicKey, assetsOrigin: ASSETS_ORIGIN }
}
