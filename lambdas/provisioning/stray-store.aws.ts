import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import { queryAll } from '../aws/paging.aws.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import { STRAY_SWEEP_SECONDS } from '../contract/facts.ts'
import { AgentId, TenantId } from '../contract/ids.ts'
import { STRAY_KINDS, strayKey, type StrayKind, strayPartition, straySweepKey } from '../contract/names.ts'
import { addSeconds } from '../core/clock.ts'

/** Something of ours that had no owner when it was looked at. */
const StoredStray = z.object({
  kind: z.enum(STRAY_KINDS),
  id: z.string(),
  tenantId: TenantId,
  agentId: z.optional(AgentId),
  seenAt: z.string(),
  /** Set before it is ended: who finds the mark later knows that it may have been. */
  endingAt: z.optional(z.string()),
})
export type Stray = z.infer<typeof StoredStray>

const LastSweeps = z.partialRecord(z.enum(STRAY_KINDS), z.string())

/** The marks on strays, and when each kind was last looked for. */
export const createStrayStore = (deps: {
  dynamo: DynamoDBDocumentClient
  agentsTable: string
  limitsTable: string
}) => {
  const { dynamo, agentsTable, limitsTable } = deps

  const put = async (stray: Stray, condition: string): Promise<boolean> => {
    const written = await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
      dynamo.send(
        new PutCommand({
          TableName: agentsTable,
          Item: { ...strayKey(stray.kind, stray.id), ...stray },
          ConditionExpression: condition,
        }),
      ),
    )
    return written.ok
  }

  const claim = async (kind: StrayKind, now: Date): Promise<boolean> => {
    const claimed = await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
      dynamo.send(
        new UpdateCommand({
          TableName: limitsTable,
          Key: straySweepKey,
          UpdateExpression: 'SET #kind = :now',
          ConditionExpression: 'attribute_not_exists(#kind) OR #kind <= :before',
          ExpressionAttributeNames: { '#kind': kind },
          ExpressionAttributeValues: {
            ':now': now.toISOString(),
            ':before': addSeconds(now, -STRAY_SWEEP_SECONDS).toISOString(),
          },
        }),
      ),
    )
    return claimed.ok
  }

  return {
    /** One kind that is due, for the caller alone; null while none is. */
    claimSweep: async (now: Date): Promise<StrayKind | null> => {
      const { Item = {} } = await callAws('dynamodb', () =>
        dynamo.send(new GetCommand({ TableName: limitsTable, Key: straySweepKey })),
      )
      const { pk: _, ...last } = Item
      const lastSweeps = LastSweeps.parse(last)
      const due = STRAY_KINDS.find((kind) => {
        const at = lastSweeps[kind]
        return at === undefined || new Date(at) <= addSeconds(now, -STRAY_SWEEP_SECONDS)
      })
      return due !== undefined && (await claim(due, now)) ? due : null
    },

    listMarked: (kind: StrayKind): Promise<Stray[]> =>
      queryAll(
        dynamo,
        {
          TableName: agentsTable,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': strayPartition(kind) },
        },
        (item) => StoredStray.parse(item),
      ),

    mark: (stray: Stray): Promise<boolean> => put(stray, 'attribute_not_exists(pk)'),

    /** False when the mark is gone: somebody else was faster. */
    noteEnding: (stray: Stray, at: Date): Promise<boolean> =>
      put({ ...stray, endingAt: at.toISOString() }, 'attribute_exists(pk)'),

    unmark: async ({ kind, id }: Stray): Promise<void> => {
      await callAws('dynamodb', () =>
        dynamo.send(new DeleteCommand({ TableName: agentsTable, Key: strayKey(kind, id) })),
      )
    },

    unmarkStep: ({ kind, id }: Stray): WriteAction => ({
      Delete: { TableName: agentsTable, Key: strayKey(kind, id), ConditionExpression: 'attribute_exists(pk)' },
    }),
  }
}

export type StrayStore = ReturnType<typeof createStrayStore>
