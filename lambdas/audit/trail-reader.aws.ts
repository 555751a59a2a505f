import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { batchGet } from '../aws/batch-get.aws.ts'
import { callAws } from '../aws/errors.aws.ts'
import { TenantId } from '../contract/ids.ts'
import { AUDIT_TIME_INDEX, auditKey, chainHeadKey, PLATFORM_CHAIN } from '../contract/names.ts'
import { Instant } from '../contract/text.ts'
import type { Random } from '../core/random.ts'
import { ALL_CHAINS } from './audit-trail.aws.ts'
import type { AuditEvent, ChainHead } from './chain.ts'
import { StoredEvent, StoredHead } from './stored.ts'

const PAGE_ROWS = 500
const StoredPlace = z.object({ chain: z.union([z.literal(PLATFORM_CHAIN), TenantId]), at: Instant })
/** Before every instant. */
export const BEGINNING = '0'

/** The trail as the archivist sees it: oldest first, and nothing that writes. */
export const createTrailReader = (deps: {
  dynamo: DynamoDBDocumentClient
  auditTable: string
  directoryTable: string
  random: Random
}) => {
  const { dynamo, auditTable, directoryTable, random } = deps

  return {
    /** The heads of up to a hundred chains, in the order asked; null where there is none. */
    readHeads: async (chains: readonly string[]): Promise<(ChainHead | null)[]> => {
      const rows = await batchGet(dynamo, random, directoryTable, chains.map(chainHeadKey))
      return rows.map((row) => (row === null ? null : StoredHead.parse(row)))
    },

    /** The events of one chain after `sequence` up to `to`, as far as they are there. */
    readEvents: async (chain: string, sequence: number, to: number): Promise<AuditEvent[]> => {
      const events: AuditEvent[] = []
      let startKey: Record<string, unknown> | undefined
      do {
        const { Items, LastEvaluatedKey } = await callAws('dynamodb', () =>
          dynamo.send(
            new QueryCommand({
              TableName: auditTable,
              ConsistentRead: true,
              KeyConditionExpression: '#chain = :chain AND #sequence >= :from',
              ExpressionAttributeNames: { '#chain': 'chain', '#sequence': 'sequence' },
              ExpressionAttributeValues: { ':chain': chain, ':from': auditKey(chain, sequence + 1).sequence },
              Limit: to - sequence - events.length,
              ExclusiveStartKey: startKey,
            }),
          ),
        )
        events.push(...(Items ?? []).map((item) => StoredEvent.parse(item)))
        startKey = LastEvaluatedKey
      } while (startKey !== undefined && events.length < to - sequence)
      return events
    },

    /**
     * One page of what all chains wrote since an instant, oldest first: which chain, and when. A row that no writer of ours
     * makes is passed over, so that it cannot keep the others out.
     */
    listSince: async (
      since: string,
      startKey?: Record<string, unknown>,
    ): Promise<{ places: { chain: string; at: string }[]; next?: Record<string, unknown> }> => {
      const { Items, LastEvaluatedKey } = await callAws('dynamodb', () =>
        dynamo.send(
          new QueryCommand({
            TableName: auditTable,
            IndexName: AUDIT_TIME_INDEX,
            KeyConditionExpression: '#listed = :all AND #listedAt >= :since',
            ExpressionAttributeNames: { '#listed': 'listed', '#listedAt': 'listedAt' },
            ExpressionAttributeValues: { ':all': ALL_CHAINS, ':since': since },
            Limit: PAGE_ROWS,
            ExclusiveStartKey: startKey,
          }),
        ),
      )
      const places = (Items ?? []).flatMap((item) => {
        const place = StoredPlace.safeParse(item)
        return place.success ? [place.data] : []
      })
      return { places, next: LastEvaluatedKey }
    },
  }
}

export type TrailReader = ReturnType<typeof createTrailReader>
