import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import {
  BatchGetCommand,
  DeleteCommand,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb'
import { beforeAll, describe, expect, it } from 'vitest'
import { TABLES } from '../../lambdas/contract/tables.ts'
import { createTable } from '../../local/installation.ts'
import { connect, nameOf } from './services.ts'

describe('what we rely on DynamoDB for', () => {
  let aws: Awaited<ReturnType<typeof connect>>
  let table: string

  beforeAll(async () => {
    aws = await connect()
    table = `conformance-${aws.unique}`
    await createTable(aws.dynamo, table, TABLES.directory)
  })

  const put = (item: Record<string, unknown>, more: object = {}) =>
    aws.dynamo.send(new PutCommand({ TableName: table, Item: item, ...more }))
  const get = async (pk: string, sk = 's') =>
    (await aws.dynamo.send(new GetCommand({ TableName: table, Key: { pk, sk }, ConsistentRead: true }))).Item

  it('puts once under attribute_not_exists', async () => {
    const once = { ConditionExpression: 'attribute_not_exists(pk)' }
    await put({ pk: 'once', sk: 's', n: 1 }, once)

    expect(await nameOf(put({ pk: 'once', sk: 's', n: 2 }, once))).toBe('ConditionalCheckFailedException')
    expect((await get('once'))?.n).toBe(1)
  })

  it('counts atomically below a limit, from many writers at once', async () => {
    const hit = () =>
      aws.dynamo.send(
        new UpdateCommand({
          TableName: table,
          Key: { pk: 'counter', sk: 's' },
          UpdateExpression: 'SET hits = if_not_exists(hits, :zero) + :one',
          ConditionExpression: 'attribute_not_exists(hits) OR hits < :max',
          ExpressionAttributeValues: { ':zero': 0, ':one': 1, ':max': 5 },
        }),
      )
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => nameOf(hit())))

    expect(outcomes.filter((outcome) => outcome === 'no error')).toHaveLength(5)
    expect((await get('counter'))?.hits).toBe(5)
  })

  it('returns the whole new row of an update, writes into maps, and refuses a path that is not there', async () => {
    await put({ pk: 'map', sk: 's', nested: {} })
    const set = (path: string) =>
      aws.dynamo.send(
        new UpdateCommand({
          TableName: table,
          Key: { pk: 'map', sk: 's' },
          UpdateExpression: `SET ${path}.#key = :value`,
          ExpressionAttributeNames: { '#key': 'k' },
          ExpressionAttributeValues: { ':value': { a: 1 } },
          ReturnValues: 'ALL_NEW',
        }),
      )

    expect((await set('nested')).Attributes).toEqual({ pk: 'map', sk: 's', nested: { k: { a: 1 } } })
    expect(await nameOf(set('absent'))).toBe('ValidationException')
  })

  it('commits a transaction whole or not at all, and says which condition failed, in order', async () => {
    await put({ pk: 'taken', sk: 's' })
    const attempt = aws.dynamo.send(
      new TransactWriteCommand({
        TransactItems: [
          { Put: { TableName: table, Item: { pk: 'fresh', sk: 's' } } },
          {
            Put: {
              TableName: table,
              Item: { pk: 'taken', sk: 's', n: 1 },
              ConditionExpression: 'attribute_not_exists(pk)',
            },
          },
          {
            ConditionCheck: {
              TableName: table,
              Key: { pk: 'absent', sk: 's' },
              ConditionExpression: 'attribute_exists(pk)',
            },
          },
        ],
      }),
    )
    const error = await attempt.then(
      () => null,
      (caught: unknown) => caught,
    )

    expect(error).toBeInstanceOf(TransactionCanceledException)
    expect((error as TransactionCanceledException).CancellationReasons?.map(({ Code }) => Code)).toEqual([
      'None',
      'ConditionalCheckFailed',
      'ConditionalCheckFailed',
    ])
    expect(await get('fresh')).toBeUndefined()
  })

  it('refuses two actions on one item and over a hundred actions', async () => {
    const item = (pk: string) => ({ Put: { TableName: table, Item: { pk, sk: 's' } } })

    expect(
      await nameOf(aws.dynamo.send(new TransactWriteCommand({ TransactItems: [item('same'), item('same')] }))),
    ).toBe('ValidationException')
    expect(
      await nameOf(
        aws.dynamo.send(
          new TransactWriteCommand({ TransactItems: Array.from({ length: 101 }, (_, index) => item(`n${index}`)) }),
        ),
      ),
    ).toBe('ValidationException')
  })

  it('replays a transaction with the same token as a success, and refuses the token for another', async ({ skip }) => {
    if (!aws.embedded) skip('moto does not replay tokens')
    const send = (pk: string) =>
      aws.dynamo.send(
        new TransactWriteCommand({
          ClientRequestToken: `token-${aws.unique}`,
          TransactItems: [
            { Put: { TableName: table, Item: { pk, sk: 's' }, ConditionExpression: 'attribute_not_exists(pk)' } },
          ],
        }),
      )
    await send('replayed')

    expect(await nameOf(send('replayed'))).toBe('no error')
    expect(await nameOf(send('other'))).toBe('IdempotentParameterMismatchException')
  })

  it('pages a query newest first, filters after the limit, and goes on from where it stopped', async () => {
    for (let index = 0; index < 7; index += 1) await put({ pk: 'list', sk: `ITEM#${index}`, odd: index % 2 })
    const query = (ExclusiveStartKey?: Record<string, unknown>) =>
      aws.dynamo.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
          FilterExpression: 'odd = :odd',
          ExpressionAttributeValues: { ':pk': 'list', ':prefix': 'ITEM#', ':odd': 1 },
          ScanIndexForward: false,
          Limit: 3,
          ConsistentRead: true,
          ExclusiveStartKey,
        }),
      )
    const first = await query()
    const second = await query(first.LastEvaluatedKey)

    expect(first.Items?.map((item) => item.sk)).toEqual(['ITEM#5'])
    expect(first.LastEvaluatedKey).toEqual({ pk: 'list', sk: 'ITEM#4' })
    expect(second.Items?.map((item) => item.sk)).toEqual(['ITEM#3', 'ITEM#1'])
  })

  it('keeps an index to the rows that have its keys', async () => {
    await put({ pk: 'i1', sk: 's', listed: 'THINGS', listedAt: '2026-01-01' })
    await put({ pk: 'i2', sk: 's', listed: 'THINGS', listedAt: '2026-01-02' })
    await put({ pk: 'i3', sk: 's', listed: 'OTHERS', listedAt: '2026-01-03' })
    await aws.dynamo.send(new DeleteCommand({ TableName: table, Key: { pk: 'i1', sk: 's' } }))

    const found = await aws.dynamo.send(
      new QueryCommand({
        TableName: table,
        IndexName: 'listed',
        KeyConditionExpression: 'listed = :t',
        ExpressionAttributeValues: { ':t': 'THINGS' },
      }),
    )

    expect(found.Items?.map((item) => item.pk)).toEqual(['i2'])
  })

  it('reads several rows at once and leaves out those that are not there', async () => {
    await put({ pk: 'b1', sk: 's' })
    const { Responses } = await aws.dynamo.send(
      new BatchGetCommand({
        RequestItems: {
          [table]: {
            Keys: [
              { pk: 'b1', sk: 's' },
              { pk: 'b2', sk: 's' },
            ],
            ConsistentRead: true,
          },
        },
      }),
    )

    expect(Responses?.[table]).toEqual([{ pk: 'b1', sk: 's' }])
  })

  it('refuses reserved words, unknown and unused placeholders', async () => {
    const update = (UpdateExpression: string, ExpressionAttributeValues: Record<string, unknown>) =>
      nameOf(
        aws.dynamo.send(
          new UpdateCommand({
            TableName: table,
            Key: { pk: 'w', sk: 's' },
            UpdateExpression,
            ExpressionAttributeValues,
          }),
        ),
      )

    expect(await update('SET status = :v', { ':v': 1 })).toBe('ValidationException')
    expect(await update('SET a = :missing', { ':v': 1 })).toBe('ValidationException')
    expect(await update('SET a = :v', { ':v': 1, ':unused': 2 })).toBe('ValidationException')
  })
})
