import { type AuditEvent, type ChainHead, genesisOf } from '../../lambdas/audit/chain.ts'
import { endOf, readSegment, type SegmentBreak, type SegmentFile } from '../../lambdas/audit/segment.ts'
import type { EmbeddedAws } from '../../local/aws/embedded-aws.ts'

/** The archive as it lies in the embedded S3: the segments of each chain, in their order. */
export const readArchive = (aws: EmbeddedAws): Map<string, SegmentFile[]> => {
  const rows = aws.database.all("SELECT key, body FROM s3_object WHERE bucket = 'vestibule-archive' ORDER BY key")
  const files = rows.map(({ key, body }) => {
    const [, chain = '', name = ''] = String(key).split('/')
    return { chain, name, text: body instanceof Uint8Array ? Buffer.from(body).toString() : '' }
  })
  return Map.groupBy(files, ({ chain }) => chain)
}

/** Follows the segments of one chain from its start, by themselves. */
export const walkArchive = (
  chain: string,
  files: readonly SegmentFile[],
): { events: AuditEvent[]; end: ChainHead; broken: SegmentBreak | null } => {
  const events: AuditEvent[] = []
  let end = genesisOf(chain)
  for (const file of files.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
    const read = readSegment(chain, end, file)
    if (!read.ok) return { events, end, broken: read.failure }
    events.push(...read.value)
    end = endOf(end, read.value)
  }
  return { events, end, broken: null }
}
