import { Duration } from 'aws-cdk-lib'
import type * as kms from 'aws-cdk-lib/aws-kms'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { ARCHIVE_EVERY_MINUTES, ARCHIVIST_SECONDS } from '../../lambdas/contract/facts.ts'
import type { Bundle } from '../bundles.ts'
import type { DeployConfig } from '../config.ts'
import type { Place } from '../rights/place.ts'
import { archivistRights } from '../rights/workers.ts'
import type { DataStack } from '../stacks/data.ts'
import { runRegularly } from './run-regularly.ts'
import { ServiceFunction } from './service-function.ts'
import { createDeadLetters } from './work-queue.ts'

/** What copies the trail into the locked bucket, and its schedule. */
export const addArchivist = (
  scope: Construct,
  input: { data: DataStack; config: DeployConfig; bundle: Bundle; key: kms.IKey; place: Place },
): { fn: ServiceFunction<'archivist'>; deadLetters: sqs.Queue } => {
  const { data, config, bundle, key, place } = input
  const deadLetters = createDeadLetters(scope, 'ArchivistDeadLetters', key)
  const fn = new ServiceFunction(scope, 'Archivist', {
    functionName: 'archivist',
    bundle,
    memoryMegabytes: 256,
    timeout: Duration.seconds(ARCHIVIST_SECONDS),
    deadLetters,
    logKey: key,
    logRetentionDays: config.logRetentionDays,
    environment: {
      VESTIBULE_STAGE: config.stage,
      DIRECTORY_TABLE: data.directoryTable.tableName,
      AUDIT_TABLE: data.auditTable.tableName,
      ARCHIVE_BUCKET: data.archiveBucket.bucketName,
    },
    rights: archivistRights(data, place, deadLetters),
  })
  runRegularly(scope, 'ArchiveRegularly', {
    every: Duration.minutes(ARCHIVE_EVERY_MINUTES),
    handler: fn.handler,
    deadLetters,
  })
  return { fn, deadLetters }
}
