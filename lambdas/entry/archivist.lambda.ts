import middy from '@middy/core'
import { archiveTrail } from '../audit/archive-trail.ts'
import { createDynamoClient } from '../aws/clients.aws.ts'
import { createS3Client } from '../aws/s3-client.aws.ts'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { systemClock } from '../core/clock.ts'
import { createLogger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { createArchiveDeps } from './archive-deps.aws.ts'

const env = loadEnv(FunctionEnv.archivist, process.env)
const deps = createArchiveDeps(
  { dynamo: createDynamoClient({}), s3: createS3Client({}) },
  { directoryTable: env.DIRECTORY_TABLE, auditTable: env.AUDIT_TABLE, archiveBucket: env.ARCHIVE_BUCKET },
  { clock: systemClock, random: systemRandom, logger: createLogger() },
)

/** Runs every few minutes, by schedule alone: there is no address that starts it. */
export const handler = middy(async () => archiveTrail(deps))
