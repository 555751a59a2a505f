import * as z from 'zod'

/** One thing that a field may be (Amazon EventBridge user guide, "Comparison operators"): the ones that we use. */
const Comparison = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
  z.strictObject({ prefix: z.string() }),
  z.strictObject({ wildcard: z.string() }),
  z.strictObject({ 'anything-but': z.array(z.string()) }),
  z.strictObject({ exists: z.boolean() }),
])
type Comparison = z.infer<typeof Comparison>

/** What an event must look like: fields as deep as they go, each with the values that will do. */
export type EventPattern = { [field: string]: Comparison[] | EventPattern }
export const EventPattern: z.ZodType<EventPattern> = z.lazy(() =>
  z.record(z.string(), z.union([z.array(Comparison).min(1), EventPattern])),
)

const compare = (wanted: Comparison, value: unknown): boolean => {
  if (typeof wanted !== 'object' || wanted === null) return wanted === value
  if ('exists' in wanted) return wanted.exists === (value !== undefined)
  if (typeof value !== 'string') return false
  if ('prefix' in wanted) return value.startsWith(wanted.prefix)
  if ('anything-but' in wanted) return !wanted['anything-but'].includes(value)
  const parts = wanted.wildcard.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  return new RegExp(`^${parts.join('.*')}$`, 's').test(value)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** True when every field of the pattern is there with one of its values. A field that is an array needs one that fits. */
export const matchesPattern = (pattern: EventPattern, event: unknown): boolean =>
  isRecord(event) &&
  Object.entries(pattern).every(([field, wanted]) => {
    const value = event[field]
    // Of what is not there nothing can be asked but that it is not there.
    if (!Array.isArray(wanted)) return matchesPattern(wanted, value ?? {})
    const values: unknown[] = Array.isArray(value) ? value : [value]
    return values.some((one) => wanted.some((comparison) => compare(comparison, one)))
  })
