import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import { auditSegmentKey } from '../contract/names.ts'

/** What is put is there for as long as the bucket's lock says. Nothing here deletes, lists, or writes over. */
export const createArchiveBucket = ({ s3, bucket }: { s3: S3Client; bucket: string }) => ({
  /**
   * Puts the segment that begins at `from`. Returns what lies there, which is another's text where another was quicker; null
   * where that is being put at this moment.
   */
  put: async (chain: string, from: number, text: string): Promise<string | null> => {
    const place = { Bucket: bucket, Key: auditSegmentKey(chain, from) }
    const put = await tryAws('s3', ['PreconditionFailed', 'ConditionalRequestConflict'], () =>
      s3.send(
        new PutObjectCommand({
          ...place,
          Body: text,
          ContentType: 'application/x-ndjson',
          // A put into a bucket with a lock must carry a checksum (Amazon S3 user guide, "Object Lock considerations").
          ChecksumAlgorithm: 'SHA256',
          IfNoneMatch: '*',
        }),
      ),
    )
    if (put.ok) return text
    if (put.failure.reason === 'ConditionalRequestConflict') return null
    return callAws('s3', async () => {
      const { Body } = await s3.send(new GetObjectCommand(place))
      return (await Body?.transformToString()) ?? ''
    })
  },
})

export type ArchiveBucket = ReturnType<typeof createArchiveBucket>
