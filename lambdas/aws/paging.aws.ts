import { type DynamoDBDocumentClient, QueryCommand, type QueryCommandInput } from '@aws-sdk/lib-dynamodb'
import { encodeCursor, type Page } from '../contract/paging.ts'
import { callAws } from './errors.aws.ts'

const MAX_ROUNDS = 5

/**
 * One page of a query, newest first: asks again while a filter leaves the page short, a bounded number of times. `place`
 * names the key attributes after the partition, in the order that the cursor holds them.
 */
export const queryPage = async <T>(
  dynamo: DynamoDBDocumentClient,
  input: QueryCommandInput,
  partition: Record<string, string>,
  place: readonly string[],
  page: Page,
  parse: (item: Record<string, unknown>) => T,
): Promise<{ items: T[]; nextCursor?: string }> => {
  const items: T[] = []
  let startKey: Record<string, unknown> | undefined =
    page.cursor === undefined
      ? undefined
      : { ...Object.fromEntries(place.map((name, index) => [name, page.cursor?.[index]])), ...partition }
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { Items, LastEvaluatedKey } = await callAws('dynamodb', () =>
      dynamo.send(
        new QueryCommand({
          ...input,
          ScanIndexForward: false,
          Limit: page.limit - items.length,
          ExclusiveStartKey: startKey,
        }),
      ),
    )
    items.push(...(Items ?? []).map(parse))
    startKey = LastEvaluatedKey
    if (startKey === undefined || items.length >= page.limit) break
  }
  return {
    items,
    nextCursor: startKey === undefined ? undefined : encodeCursor(place.map((name) => String(startKey?.[name]))),
  }
}

/** One page of the rows that an index holds under one value, newest first. */
export const queryIndexPage = <T>(
  dynamo: DynamoDBDocumentClient,
  index: { table: string; name: string; attribute: string; value: string; place: readonly string[] },
  page: Page,
  parse: (item: Record<string, unknown>) => T,
): Promise<{ items: T[]; nextCursor?: string }> =>
  queryPage(
    dynamo,
    {
      TableName: index.table,
      IndexName: index.name,
      KeyConditionExpression: '#attribute = :value',
      ExpressionAttributeNames: { '#attribute': index.attribute },
      ExpressionAttributeValues: { ':value': index.value },
    },
    { [index.attribute]: index.value },
    index.place,
    page,
    parse,
  )

/** Every row of a query, in its order. For partitions that are known to stay small. */
export const queryAll = async <T>(
  dynamo: DynamoDBDocumentClient,
  input: QueryCommandInput,
  parse: (item: Record<string, unknown>) => T,
): Promise<T[]> => {
  const items: T[] = []
  let startKey: Record<string, unknown> | undefined
  do {
    const page = await callAws('dynamodb', () =>
      dynamo.send(new QueryCommand({ ...input, ExclusiveStartKey: startKey })),
    )
    items.push(...(page.Items ?? []).map(parse))
    startKey = page.LastEvaluatedKey
  } while (startKey !== undefined)
  return items
}
