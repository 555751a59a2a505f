import type { S3Client } from '@aws-sdk/client-s3'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { createArchiveBucket } from '../audit/archive-bucket.aws.ts'
import { createArchiveCursors } from '../audit/archive-cursors.aws.ts'
import type { ArchiveDeps } from '../audit/archive-trail.ts'
import { createTrailReader } from '../audit/trail-reader.aws.ts'
import type { Ambient } from './deps.aws.ts'

export interface ArchiveNames {
  directoryTable: string
  auditTable: string
  archiveBucket: string
}

/** Joins clients, names and stores for the archivist. */
export const createArchiveDeps = (
  clients: { dynamo: DynamoDBDocumentClient; s3: S3Client },
  names: ArchiveNames,
  ambient: Ambient,
): ArchiveDeps => {
  const { dynamo, s3 } = clients
  const { directoryTable, auditTable, archiveBucket } = names
  return {
    ...ambient,
    trail: createTrailReader({ dynamo, auditTable, directoryTable, random: ambient.random }),
    cursors: createArchiveCursors({ dynamo, directoryTable }),
    bucket: createArchiveBucket({ s3, bucket: archiveBucket }),
  }
}
