import * as z from 'zod'
import { AwsFault } from '../service.ts'

/** A value as DynamoDB writes it on the wire, as far as we use it. */
export type AttributeValue =
  | { S: string }
  | { N: string }
  | { BOOL: boolean }
  | { NULL: true }
  | { L: AttributeValue[] }
  | { M: Item }

export type Item = { [name: string]: AttributeValue }

export const AttributeValueSchema: z.ZodType<AttributeValue> = z.lazy(() =>
  z.union([
    z.strictObject({ S: z.string() }),
    z.strictObject({ N: z.string() }),
    z.strictObject({ BOOL: z.boolean() }),
    z.strictObject({ NULL: z.literal(true) }),
    z.strictObject({ L: z.array(AttributeValueSchema) }),
    z.strictObject({ M: z.record(z.string(), AttributeValueSchema) }),
  ]),
)
export const ItemSchema: z.ZodType<Item> = z.record(z.string(), AttributeValueSchema)

const MAX_ITEM_BYTES = 400 * 1024

export const validation = (message: string): AwsFault => new AwsFault('ValidationException', message)

/** 400 KB an item (Amazon DynamoDB quotas); JSON is a little larger than DynamoDB's own count, never smaller. */
export const checkItemSize = (item: Item): void => {
  if (Buffer.byteLength(JSON.stringify(item)) > MAX_ITEM_BYTES)
    throw validation('Item size has exceeded the maximum allowed size')
}

export const equalValues = (left: AttributeValue, right: AttributeValue): boolean => {
  if ('N' in left && 'N' in right) return Number(left.N) === Number(right.N)
  return JSON.stringify(left) === JSON.stringify(right)
}

/** Negative, zero or positive; null where DynamoDB does not order the two types. Strings are ordered by UTF-8 bytes. */
export const compareValues = (left: AttributeValue, right: AttributeValue): number | null => {
  if ('N' in left && 'N' in right) return Number(left.N) - Number(right.N)
  if ('S' in left && 'S' in right) return Buffer.compare(Buffer.from(left.S), Buffer.from(right.S))
  return null
}

export const keyText = (item: Item, name: string): string | null => {
  const value = item[name]
  return value !== undefined && 'S' in value ? value.S : null
}
