import * as z from 'zod/mini'

/** Where a list goes on: the sort values of the last item, never its partition, so a forged cursor stays in its own list. */
export interface Page {
  limit: number
  cursor?: string[]
}

const Parts = z.array(z.string())

const parseParts = (text: string): unknown => {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    return null
  }
}

/** `?limit` and `?cursor` of a list. `shapes` says what each part of its cursor looks like; anything else is refused. */
export const pageQuery = (shapes: readonly RegExp[]) => {
  const fits = (text: string): boolean => {
    const parts = Parts.safeParse(parseParts(text))
    return (
      parts.success &&
      parts.data.length === shapes.length &&
      shapes.every((shape, index) => shape.test(parts.data[index] ?? ''))
    )
  }
  return {
    limit: z._default(z.pipe(z.string().check(z.regex(/^(?:[1-9]\d?|100)$/)), z.transform(Number)), 50),
    cursor: z.optional(
      z.pipe(
        z.string().check(z.maxLength(1_000), z.refine(fits, { message: 'invalid_cursor' })),
        z.transform((text) => Parts.parse(parseParts(text))),
      ),
    ),
  }
}

export const encodeCursor = (parts: readonly string[]): string =>
  Buffer.from(JSON.stringify(parts)).toString('base64url')

/** The parts of a cursor that we wrote ourselves. */
export const readCursor = (text: string): string[] => Parts.parse(parseParts(text))
