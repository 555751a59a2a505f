import { Readable } from 'node:stream'
import * as z from 'zod'
import type { Clock } from '../../lambdas/core/clock.ts'
import { sha256Hex } from '../../lambdas/core/digest.ts'
import { bytesOf, type Database, textOf } from './database.ts'
import type { Queues } from './queues.ts'
import { AwsFault, type Service } from './service.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS s3_bucket (name TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS s3_object (
    bucket TEXT, key TEXT, body BLOB NOT NULL, etag TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
`

const PutInput = z.object({
  Bucket: z.string(),
  Key: z.string().min(1).max(1024),
  Body: z.union([z.string(), z.instanceof(Uint8Array)]),
  IfNoneMatch: z.literal('*').optional(),
})
const GetInput = z.object({ Bucket: z.string(), Key: z.string() })

/** Buckets and objects, with the conditional put and the "Object Created" event that provisioning rests on. */
export const createS3 = (database: Database, clock: Clock, queues: Queues) => {
  database.define(SCHEMA)

  const checkBucket = (bucket: string): void => {
    if (database.get('SELECT name FROM s3_bucket WHERE name = ?', bucket) === null) {
      throw new AwsFault('NoSuchBucket', 'The specified bucket does not exist', { statusCode: 404 })
    }
  }

  const service: Service = {
    CreateBucket: (raw) => {
      const { Bucket } = z.object({ Bucket: z.string() }).parse(raw)
      database.run('INSERT OR IGNORE INTO s3_bucket (name) VALUES (?)', Bucket)
      return { Location: `/${Bucket}` }
    },
    PutObject: (raw) => {
      const input = PutInput.parse(raw)
      checkBucket(input.Bucket)
      const body = Buffer.from(input.Body)
      const etag = `"${sha256Hex(body).slice(0, 32)}"`
      return database.transaction(() => {
        const existing = database.get(
          'SELECT etag FROM s3_object WHERE bucket = ? AND key = ?',
          input.Bucket,
          input.Key,
        )
        if (existing !== null && input.IfNoneMatch === '*') {
          throw new AwsFault('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', {
            statusCode: 412,
          })
        }
        database.run(
          'INSERT OR REPLACE INTO s3_object (bucket, key, body, etag, created) VALUES (?, ?, ?, ?, ?)',
          ...[input.Bucket, input.Key, body, etag, clock.now().toISOString()],
        )
        queues.publish('aws.s3', 'Object Created', {
          bucket: { name: input.Bucket },
          object: { key: input.Key, size: body.length, etag },
          reason: 'PutObject',
        })
        return { ETag: etag }
      })
    },
    GetObject: (raw) => {
      const input = GetInput.parse(raw)
      checkBucket(input.Bucket)
      const row = database.get('SELECT body, etag FROM s3_object WHERE bucket = ? AND key = ?', input.Bucket, input.Key)
      if (row === null) throw new AwsFault('NoSuchKey', 'The specified key does not exist.', { statusCode: 404 })
      const body = bytesOf(row, 'body')
      const stream = Object.assign(Readable.from([body]), { transformToString: async () => body.toString() })
      return { Body: stream, ContentLength: body.length, ETag: textOf(row, 'etag') }
    },
  }
  return { service }
}
