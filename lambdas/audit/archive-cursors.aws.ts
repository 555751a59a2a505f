import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { tryAws } from '../aws/errors.aws.ts'
import { queryAll } from '../aws/paging.aws.ts'
import { ARCHIVE_PARTITION, archiveCursorKey, archiveSeenKey } from '../contract/names.ts'
import { type ChainHead, genesisOf } from './chain.ts'

const StoredCursor = z.object({ chain: z.string(), sequence: z.number(), hash: z.string() })
/** How far one chain lies in the archive: its last event there. */
export type ArchiveCursor = z.infer<typeof StoredCursor>
const StoredSeen = z.object({ seenUntil: z.string() })

/** Where the archivist got to. The archive itself decides what is in it; these rows only save looking. */
export const createArchiveCursors = (deps: { dynamo: DynamoDBDocumentClient; directoryTable: string }) => {
  const { dynamo, directoryTable } = deps

  const update = async (
    Key: Record<string, string>,
    values: Record<string, string | number>,
    condition: string,
    given: Record<string, string | number> = {},
  ): Promise<boolean> => {
    const names = Object.keys(values)
    const updated = await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
      dynamo.send(
        new UpdateCommand({
          TableName: directoryTable,
          Key,
          UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
          ConditionExpression: condition,
          ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
          ExpressionAttributeValues: Object.fromEntries(
            [...Object.entries(values), ...Object.entries(given)].map(([name, value]) => [`:${name}`, value]),
          ),
        }),
      ),
    )
    return updated.ok
  }

  return {
    /** Every chain that is known, and up to when new ones were looked for; an empty text where they never were. */
    readAll: async (): Promise<{ cursors: ArchiveCursor[]; seenUntil: string }> => {
      const rows = await queryAll(
        dynamo,
        {
          TableName: directoryTable,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :archive',
          ExpressionAttributeValues: { ':archive': ARCHIVE_PARTITION },
        },
        (row) => row,
      )
      const seen = rows.find(({ sk }) => sk === archiveSeenKey.sk)
      return {
        cursors: rows.filter((row) => row !== seen).map((row) => StoredCursor.parse(row)),
        seenUntil: seen === undefined ? '' : StoredSeen.parse(seen).seenUntil,
      }
    },

    /** Makes a chain known, of which nothing is in the archive yet. Leaves one that is known as it is. */
    add: async (chain: string): Promise<ArchiveCursor> => {
      const cursor = { chain, ...genesisOf(chain) }
      await update(archiveCursorKey(chain), cursor, 'attribute_not_exists(pk)')
      return cursor
    },

    /** False where another copy was quicker. */
    advance: (from: ArchiveCursor, to: ChainHead): Promise<boolean> =>
      update(archiveCursorKey(from.chain), { sequence: to.sequence, hash: to.hash }, '#sequence = :was', {
        was: from.sequence,
      }),

    /** Only ever moves on. */
    noteSeen: async (seenUntil: string): Promise<void> => {
      await update(archiveSeenKey, { seenUntil }, 'attribute_not_exists(pk) OR #seenUntil < :seenUntil')
    },
  }
}

export type ArchiveCursors = ReturnType<typeof createArchiveCursors>
