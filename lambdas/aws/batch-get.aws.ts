import { BatchGetCommand, type DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { pauseWithJitter } from '../core/backoff.ts'
import type { Random } from '../core/random.ts'
import { callAws, DependencyError } from './errors.aws.ts'

const MAX_ATTEMPTS = 5

type Key = { pk: string; sk: string }

/** Consistent reads of a few rows of one table in one call, in the order asked; a row that is not there is null. */
export const batchGet = async (
  dynamo: DynamoDBDocumentClient,
  random: Random,
  table: string,
  keys: readonly Key[],
): Promise<(Record<string, unknown> | null)[]> => {
  const found = new Map<string, Record<string, unknown>>()
  let open: Record<string, unknown>[] = [...keys]
  for (let attempt = 0; open.length > 0; attempt += 1) {
    if (attempt >= MAX_ATTEMPTS) throw new DependencyError('dynamodb', 'throttled', new Error('keys left unprocessed'))
    if (attempt > 0) await pauseWithJitter(random, attempt)
    const { Responses, UnprocessedKeys } = await callAws('dynamodb', () =>
      dynamo.send(new BatchGetCommand({ RequestItems: { [table]: { Keys: open, ConsistentRead: true } } })),
    )
    for (const item of Responses?.[table] ?? []) found.set(`${item.pk} ${item.sk}`, item)
    open = UnprocessedKeys?.[table]?.Keys ?? []
  }
  return keys.map((key) => found.get(`${key.pk} ${key.sk}`) ?? null)
}
