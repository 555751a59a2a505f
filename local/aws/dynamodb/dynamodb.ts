import * as z from 'zod'
import type { KeyNames, TableShape } from '../../../lambdas/contract/tables.ts'
import type { Clock } from '../../../lambdas/core/clock.ts'
import { sha256Hex } from '../../../lambdas/core/digest.ts'
import { type Database, textOf } from '../database.ts'
import { AwsFault, type Service } from '../service.ts'
import { applyUpdate, checkPlaceholders, conditionHolds, type Placeholders, readKeyQuery } from './expressions.ts'
import { AttributeValueSchema, checkItemSize, type Item, ItemSchema, keyText, validation } from './values.ts'

const TOKEN_LIFETIME_SECONDS = 600
const MAX_TRANSACTION_ACTIONS = 100
const MAX_BATCH_KEYS = 100
const MAX_PAGE_BYTES = 1024 * 1024
/** Few, so that paging is met often: AWS ends a page at a megabyte. */
const SCAN_PAGE_ROWS = 25
/** DynamoDB removes expired rows within a few days; until then they are read as any other. */
const TTL_LAG_SECONDS = 2 * 86_400

const placeholderFields = {
  ExpressionAttributeNames: z.record(z.string(), z.string()).optional(),
  ExpressionAttributeValues: z.record(z.string(), AttributeValueSchema).optional(),
}
const condition = { ConditionExpression: z.string().optional(), ...placeholderFields }

const KeySchema = z.array(z.object({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) }))
const IndexInput = z.object({ IndexName: z.string(), KeySchema })
const CreateTableInput = z.object({
  TableName: z.string(),
  KeySchema,
  GlobalSecondaryIndexes: z.array(IndexInput).optional(),
})
const UpdateTableInput = z.object({
  TableName: z.string(),
  GlobalSecondaryIndexUpdates: z.array(z.object({ Create: IndexInput })).min(1),
})
const GetInput = z.object({ TableName: z.string(), Key: ItemSchema })
const BatchGetInput = z.object({ RequestItems: z.record(z.string(), z.object({ Keys: z.array(ItemSchema) })) })
const PutInput = z.object({ TableName: z.string(), Item: ItemSchema, ...condition })
const UpdateInput = z.object({
  TableName: z.string(),
  Key: ItemSchema,
  UpdateExpression: z.string(),
  ReturnValues: z.enum(['NONE', 'ALL_NEW']).optional(),
  ...condition,
})
const DeleteInput = z.object({ TableName: z.string(), Key: ItemSchema, ...condition })
const CheckInput = z.object({ TableName: z.string(), Key: ItemSchema, ...condition })
const TransactInput = z.object({
  TransactItems: z.array(
    z.union([
      z.strictObject({ Put: PutInput }),
      z.strictObject({ Update: UpdateInput }),
      z.strictObject({ Delete: DeleteInput }),
      z.strictObject({ ConditionCheck: CheckInput }),
    ]),
  ),
  ClientRequestToken: z.string().max(36).optional(),
})
const ScanInput = z.object({
  TableName: z.string(),
  ConsistentRead: z.boolean().optional(),
  ExclusiveStartKey: ItemSchema.optional(),
})
const QueryInput = z.object({
  TableName: z.string(),
  IndexName: z.string().optional(),
  KeyConditionExpression: z.string(),
  FilterExpression: z.string().optional(),
  ScanIndexForward: z.boolean().optional(),
  Limit: z.number().int().min(1).optional(),
  ExclusiveStartKey: ItemSchema.optional(),
  ConsistentRead: z.boolean().optional(),
  ...placeholderFields,
})

type Action = z.infer<typeof TransactInput>['TransactItems'][number]
type Key = { pk: string; sk: string }

const StoredShape = z.object({
  keys: z.object({ partition: z.string(), sort: z.string().optional() }),
  indexes: z.record(z.string(), z.object({ partition: z.string(), sort: z.string().optional() })),
  timeToLive: z.string().optional(),
})

const placeholdersOf = (input: {
  ExpressionAttributeNames?: Record<string, string>
  ExpressionAttributeValues?: Item
}): Placeholders => ({
  names: input.ExpressionAttributeNames ?? {},
  values: input.ExpressionAttributeValues ?? {},
})

const readInput = <S extends z.ZodType>(schema: S, input: unknown): z.output<S> => {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw validation(`not supported by the embedded DynamoDB: ${issue?.path.join('.')} ${issue?.message}`)
}

/** A row that we wrote; it was checked on its way in. */
const toItem = (text: string): Item => JSON.parse(text)

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS ddb_table (name TEXT PRIMARY KEY, shape TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ddb_item (
    tbl TEXT, pk TEXT, sk TEXT, item TEXT NOT NULL, expires INTEGER, PRIMARY KEY (tbl, pk, sk)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS ddb_expires ON ddb_item (expires) WHERE expires IS NOT NULL;
  CREATE TABLE IF NOT EXISTS ddb_index (
    tbl TEXT, idx TEXT, ipk TEXT, isk TEXT, pk TEXT, sk TEXT, PRIMARY KEY (tbl, idx, ipk, isk, pk, sk)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ddb_token (token TEXT PRIMARY KEY, request TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
`

/** The DynamoDB that our stores rely on: conditional writes, transactions, one kind of query. All reads are consistent. */
export const createDynamoDb = (database: Database, clock: Clock) => {
  database.define(SCHEMA)
  const shapes = new Map<string, TableShape>()

  const shapeOf = (table: string): TableShape => {
    const known = shapes.get(table)
    if (known !== undefined) return known
    const row = database.get('SELECT shape FROM ddb_table WHERE name = ?', table)
    if (row === null) throw new AwsFault('ResourceNotFoundException', 'Requested resource not found')
    const shape = StoredShape.parse(JSON.parse(textOf(row, 'shape')))
    shapes.set(table, shape)
    return shape
  }

  const keyOf = (keys: KeyNames, item: Item): Key => {
    const pk = keyText(item, keys.partition)
    const sk = keys.sort === undefined ? '' : keyText(item, keys.sort)
    if (pk === null || sk === null || pk === '') throw validation('The provided key element does not match the schema')
    return { pk, sk }
  }

  const readItem = (table: string, { pk, sk }: Key): Item | null => {
    const row = database.get('SELECT item FROM ddb_item WHERE tbl = ? AND pk = ? AND sk = ?', table, pk, sk)
    return row === null ? null : toItem(textOf(row, 'item'))
  }

  const writeItem = (table: string, { pk, sk }: Key, item: Item | null): void => {
    const shape = shapeOf(table)
    database.run(
      'DELETE FROM ddb_index WHERE tbl = ? AND pk = ? AND sk = ? AND idx IN (SELECT value FROM json_each(?))',
      table,
      pk,
      sk,
      JSON.stringify(Object.keys(shape.indexes)),
    )
    if (item === null) {
      database.run('DELETE FROM ddb_item WHERE tbl = ? AND pk = ? AND sk = ?', table, pk, sk)
      return
    }
    checkItemSize(item)
    const expiry = shape.timeToLive === undefined ? undefined : item[shape.timeToLive]
    const expires = expiry !== undefined && 'N' in expiry ? Number(expiry.N) : null
    database.run(
      'INSERT OR REPLACE INTO ddb_item (tbl, pk, sk, item, expires) VALUES (?, ?, ?, ?, ?)',
      table,
      pk,
      sk,
      JSON.stringify(item),
      expires,
    )
    for (const [name, keys] of Object.entries(shape.indexes)) {
      const ipk = keyText(item, keys.partition)
      const isk = keys.sort === undefined ? '' : keyText(item, keys.sort)
      if (ipk !== null && isk !== null)
        database.run(
          'INSERT INTO ddb_index (tbl, idx, ipk, isk, pk, sk) VALUES (?, ?, ?, ?, ?, ?)',
          table,
          name,
          ipk,
          isk,
          pk,
          sk,
        )
    }
  }

  const actionParts = (action: Action) => {
    if ('Put' in action) return { input: action.Put, place: action.Put.Item }
    if ('Update' in action) return { input: action.Update, place: action.Update.Key }
    if ('Delete' in action) return { input: action.Delete, place: action.Delete.Key }
    return { input: action.ConditionCheck, place: action.ConditionCheck.Key }
  }

  const checkAction = (action: Action): { table: string; key: Key; item: Item | null; holds: boolean } => {
    const { input, place } = actionParts(action)
    const placeholders = placeholdersOf(input)
    checkPlaceholders(
      [input.ConditionExpression],
      'Update' in action ? action.Update.UpdateExpression : undefined,
      placeholders,
    )
    const key = keyOf(shapeOf(input.TableName).keys, place)
    const item = readItem(input.TableName, key)
    return {
      table: input.TableName,
      key,
      item,
      holds: conditionHolds(input.ConditionExpression, item ?? {}, placeholders),
    }
  }

  const applyAction = (action: Action, table: string, key: Key, item: Item | null): Item | null => {
    if ('ConditionCheck' in action) return item
    if ('Put' in action) {
      writeItem(table, key, action.Put.Item)
      return action.Put.Item
    }
    if ('Delete' in action) {
      writeItem(table, key, null)
      return null
    }
    const { Key, UpdateExpression } = action.Update
    const next = applyUpdate(UpdateExpression, item ?? Key, placeholdersOf(action.Update))
    writeItem(table, key, next)
    return next
  }

  const writeOne = (action: Action): Item | null =>
    database.transaction(() => {
      const { table, key, item, holds } = checkAction(action)
      if (!holds) throw new AwsFault('ConditionalCheckFailedException', 'The conditional request failed')
      return applyAction(action, table, key, item)
    })

  const transactWrite = (input: z.infer<typeof TransactInput>): void => {
    const { TransactItems: actions, ClientRequestToken: token } = input
    if (actions.length === 0 || actions.length > MAX_TRANSACTION_ACTIONS)
      throw validation('Member must have length between 1 and 100')
    const request = sha256Hex(JSON.stringify(actions))
    const now = Math.floor(clock.now().getTime() / 1000)
    const seen =
      token === undefined ? null : database.get('SELECT request, expires FROM ddb_token WHERE token = ?', token)
    if (seen !== null && Number(seen.expires) > now) {
      if (textOf(seen, 'request') === request) return
      throw new AwsFault('IdempotentParameterMismatchException', 'The request token was used with other parameters')
    }
    database.transaction(() => {
      const checked = actions.map((action) => ({ action, ...checkAction(action) }))
      const places = new Set(checked.map(({ table, key }) => `${table} ${key.pk} ${key.sk}`))
      if (places.size < checked.length)
        throw validation('Transaction request cannot include multiple operations on one item')
      if (checked.some(({ holds }) => !holds)) {
        throw new AwsFault(
          'TransactionCanceledException',
          'Transaction cancelled, please refer cancellation reasons for specific reasons',
          {
            fields: {
              CancellationReasons: checked.map(({ holds }) =>
                holds
                  ? { Code: 'None' }
                  : { Code: 'ConditionalCheckFailed', Message: 'The conditional request failed' },
              ),
            },
          },
        )
      }
      for (const { action, table, key, item } of checked) applyAction(action, table, key, item)
      if (token !== undefined) {
        database.run('DELETE FROM ddb_token WHERE expires <= ?', now)
        database.run(
          'INSERT OR REPLACE INTO ddb_token (token, request, expires) VALUES (?, ?, ?)',
          token,
          request,
          now + TOKEN_LIFETIME_SECONDS,
        )
      }
    })
  }

  /** A whole table, page by page, in the order of its keys. */
  const scan = (input: z.infer<typeof ScanInput>) => {
    const { keys } = shapeOf(input.TableName)
    const start = input.ExclusiveStartKey === undefined ? null : keyOf(keys, input.ExclusiveStartKey)
    const rows = database.all(
      `SELECT item FROM ddb_item WHERE tbl = ? ${start === null ? '' : 'AND (pk, sk) > (?, ?)'} ORDER BY pk, sk LIMIT ?`,
      ...[input.TableName, ...(start === null ? [] : [start.pk, start.sk]), SCAN_PAGE_ROWS + 1],
    )
    const items = rows.slice(0, SCAN_PAGE_ROWS).map((row) => toItem(textOf(row, 'item')))
    const last = rows.length > SCAN_PAGE_ROWS ? items.at(-1) : undefined
    const names = [keys.partition, keys.sort].filter((name) => name !== undefined)
    return {
      Items: items,
      Count: items.length,
      ScannedCount: items.length,
      LastEvaluatedKey: last === undefined ? undefined : Object.fromEntries(names.map((name) => [name, last[name]])),
    }
  }

  const query = (input: z.infer<typeof QueryInput>) => {
    const shape = shapeOf(input.TableName)
    const keys = input.IndexName === undefined ? shape.keys : shape.indexes[input.IndexName]
    if (keys === undefined) throw validation('The table does not have the specified index')
    if (input.IndexName !== undefined && input.ConsistentRead === true)
      throw validation('Consistent reads are not supported on global secondary indexes')
    const placeholders = placeholdersOf(input)
    checkPlaceholders([input.KeyConditionExpression, input.FilterExpression], undefined, placeholders)
    const { partition, from, to } = readKeyQuery(input.KeyConditionExpression, keys, placeholders)
    const forward = input.ScanIndexForward !== false
    const start = input.ExclusiveStartKey
    const startSort = start === undefined ? null : (keyText(start, keys.sort ?? '') ?? '')
    const startKey = start === undefined ? null : keyOf(shape.keys, start)
    const limit = input.Limit ?? 10_000
    const direction = forward ? 'ASC' : 'DESC'
    const beyond = forward ? '>' : '<'
    if (startSort !== null && (startSort < from || startSort > to)) {
      throw validation('The provided starting key is outside query boundaries based on provided conditions')
    }
    const rows =
      input.IndexName === undefined
        ? database.all(
            `SELECT item FROM ddb_item WHERE tbl = ? AND pk = ? AND sk >= ? AND sk <= ? ${start === undefined ? '' : `AND sk ${beyond} ?`} ORDER BY sk ${direction} LIMIT ?`,
            ...[input.TableName, partition, from, to, ...(startSort === null ? [] : [startSort]), limit + 1],
          )
        : database.all(
            `SELECT item FROM ddb_index AS i JOIN ddb_item AS t ON t.tbl = i.tbl AND t.pk = i.pk AND t.sk = i.sk
             WHERE i.tbl = ? AND i.idx = ? AND i.ipk = ? AND i.isk >= ? AND i.isk <= ?
             ${startKey === null ? '' : `AND (i.isk, i.pk, i.sk) ${beyond} (?, ?, ?)`}
             ORDER BY i.isk ${direction}, i.pk ${direction}, i.sk ${direction} LIMIT ?`,
            ...[input.TableName, input.IndexName, partition, from, to],
            ...(startKey === null || startSort === null ? [] : [startSort, startKey.pk, startKey.sk]),
            limit + 1,
          )
    const read: Item[] = []
    let bytes = 0
    for (const row of rows.slice(0, limit)) {
      const text = textOf(row, 'item')
      bytes += Buffer.byteLength(text)
      if (bytes > MAX_PAGE_BYTES && read.length > 0) break
      read.push(toItem(text))
    }
    const last = read.length < rows.length ? read.at(-1) : undefined
    const names = [...new Set([shape.keys.partition, shape.keys.sort, keys.partition, keys.sort])].filter(
      (name) => name !== undefined,
    )
    const items = read.filter((item) => conditionHolds(input.FilterExpression, item, placeholders))
    return {
      Items: items,
      Count: items.length,
      ScannedCount: read.length,
      ...(last === undefined ? {} : { LastEvaluatedKey: Object.fromEntries(names.map((name) => [name, last[name]])) }),
    }
  }

  const keysOf = (schema: { AttributeName: string; KeyType: 'HASH' | 'RANGE' }[]): KeyNames => ({
    partition: schema.find(({ KeyType }) => KeyType === 'HASH')?.AttributeName ?? '',
    sort: schema.find(({ KeyType }) => KeyType === 'RANGE')?.AttributeName,
  })

  const setShape = (table: string, shape: TableShape): void => {
    database.run('UPDATE ddb_table SET shape = ? WHERE name = ?', JSON.stringify(shape), table)
    shapes.set(table, shape)
  }

  /** Adds an index and fills it with the rows that are there. */
  const addIndex = (table: string, indexName: string, keys: KeyNames): void => {
    const shape = shapeOf(table)
    if (indexName in shape.indexes) throw validation('Attempting to create an index which already exists')
    setShape(table, { ...shape, indexes: { ...shape.indexes, [indexName]: keys } })
    for (const row of database.all('SELECT item FROM ddb_item WHERE tbl = ?', table)) {
      const item = toItem(textOf(row, 'item'))
      writeItem(table, keyOf(shape.keys, item), item)
    }
  }

  const createTable = (input: z.infer<typeof CreateTableInput>): void => {
    const shape = {
      keys: keysOf(input.KeySchema),
      indexes: Object.fromEntries(
        (input.GlobalSecondaryIndexes ?? []).map((index) => [index.IndexName, keysOf(index.KeySchema)]),
      ),
    }
    const made = database.run(
      'INSERT OR IGNORE INTO ddb_table (name, shape) VALUES (?, ?)',
      input.TableName,
      JSON.stringify(shape),
    )
    if (made === 0) throw new AwsFault('ResourceInUseException', `Table already exists: ${input.TableName}`)
  }

  const setTimeToLive = (table: string, attribute: string): void => {
    setShape(table, { ...shapeOf(table), timeToLive: attribute })
  }

  const TtlInput = z.object({ TableName: z.string(), TimeToLiveSpecification: z.object({ AttributeName: z.string() }) })

  const service: Service = {
    CreateTable: (raw) => {
      const input = readInput(CreateTableInput, raw)
      createTable(input)
      return { TableDescription: { TableName: input.TableName, TableStatus: 'ACTIVE' } }
    },
    DescribeTable: (raw) => {
      const { TableName } = readInput(z.object({ TableName: z.string() }), raw)
      const GlobalSecondaryIndexes = Object.keys(shapeOf(TableName).indexes).map((IndexName) => ({ IndexName }))
      return { Table: { TableName, TableStatus: 'ACTIVE', GlobalSecondaryIndexes } }
    },
    UpdateTable: (raw) => {
      const { TableName, GlobalSecondaryIndexUpdates } = readInput(UpdateTableInput, raw)
      database.transaction(() => {
        for (const { Create } of GlobalSecondaryIndexUpdates)
          addIndex(TableName, Create.IndexName, keysOf(Create.KeySchema))
      })
      return { TableDescription: { TableName, TableStatus: 'ACTIVE' } }
    },
    UpdateTimeToLive: (raw) => {
      const input = readInput(TtlInput, raw)
      setTimeToLive(input.TableName, input.TimeToLiveSpecification.AttributeName)
      return { TimeToLiveSpecification: { Enabled: true, AttributeName: input.TimeToLiveSpecification.AttributeName } }
    },
    GetItem: (raw) => {
      const input = readInput(GetInput, raw)
      const item = readItem(input.TableName, keyOf(shapeOf(input.TableName).keys, input.Key))
      return item === null ? {} : { Item: item }
    },
    BatchGetItem: (raw) => {
      const { RequestItems } = readInput(BatchGetInput, raw)
      const wanted = Object.entries(RequestItems).flatMap(([table, { Keys }]) =>
        Keys.map((key) => ({ table, key: keyOf(shapeOf(table).keys, key) })),
      )
      if (wanted.length > MAX_BATCH_KEYS) throw validation('Too many items requested for the BatchGetItem call')
      const Responses: Record<string, Item[]> = {}
      for (const { table, key } of wanted) {
        const item = readItem(table, key)
        Responses[table] = [...(Responses[table] ?? []), ...(item === null ? [] : [item])]
      }
      return { Responses, UnprocessedKeys: {} }
    },
    PutItem: (raw) => {
      writeOne({ Put: readInput(PutInput, raw) })
      return {}
    },
    UpdateItem: (raw) => {
      const input = readInput(UpdateInput, raw)
      const item = writeOne({ Update: input })
      return input.ReturnValues === 'ALL_NEW' && item !== null ? { Attributes: item } : {}
    },
    DeleteItem: (raw) => {
      writeOne({ Delete: readInput(DeleteInput, raw) })
      return {}
    },
    Query: (raw) => query(readInput(QueryInput, raw)),
    Scan: (raw) => scan(readInput(ScanInput, raw)),
    TransactWriteItems: (raw) => {
      transactWrite(readInput(TransactInput, raw))
      return {}
    },
  }

  return {
    service,
    /** Removes what expired long ago, as DynamoDB does in its own time. */
    sweepExpired: (): number => {
      const before = Math.floor(clock.now().getTime() / 1000) - TTL_LAG_SECONDS
      const rows = database.all(
        'SELECT tbl, pk, sk FROM ddb_item WHERE expires IS NOT NULL AND expires < ? LIMIT 1000',
        before,
      )
      database.transaction(() => {
        for (const row of rows) writeItem(textOf(row, 'tbl'), { pk: textOf(row, 'pk'), sk: textOf(row, 'sk') }, null)
      })
      return rows.length
    },
  }
}
