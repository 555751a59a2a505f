import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

type Row = Record<string, SQLInputValue>

/**
 * The embedded AWS keeps all of its state in one SQLite file. Node's driver is synchronous, so a call that reads and writes
 * inside `transaction` cannot be interleaved with another; every commit is on disk before it is answered.
 */
export const openDatabase = (path: string) => {
  const sqlite = new DatabaseSync(path)
  if (path !== ':memory:')
    sqlite.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;')
  const statements = new Map<string, StatementSync>()
  let depth = 0

  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const statement = sqlite.prepare(sql)
    statements.set(sql, statement)
    return statement
  }

  const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null

  return {
    define: (sql: string): void => sqlite.exec(sql),

    run: (sql: string, ...values: SQLInputValue[]): number => Number(prepare(sql).run(...values).changes),

    get: (sql: string, ...values: SQLInputValue[]): Row | null => {
      const row = prepare(sql).get(...values)
      return isRow(row) ? row : null
    },

    all: (sql: string, ...values: SQLInputValue[]): Row[] =>
      prepare(sql)
        .all(...values)
        .filter(isRow),

    transaction: <T>(task: () => T): T => {
      if (depth > 0) return task()
      sqlite.exec('BEGIN IMMEDIATE')
      depth += 1
      try {
        const result = task()
        sqlite.exec('COMMIT')
        return result
      } catch (error) {
        sqlite.exec('ROLLBACK')
        throw error
      } finally {
        depth -= 1
      }
    },

    close: (): void => sqlite.close(),
  }
}

export type Database = ReturnType<typeof openDatabase>

export const textOf = (row: Row, column: string): string => {
  const value = row[column]
  return typeof value === 'string' ? value : ''
}

export const numberOf = (row: Row | null, column: string): number => Number(row?.[column] ?? 0)

export const bytesOf = (row: Row, column: string): Buffer => {
  const value = row[column]
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.from('')
}
