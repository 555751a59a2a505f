import * as z from 'zod'

/** Where a list goes on: the sort values of the last item, never its partition, so a forged cursor stays in its own list. */
export interface Page {
  limit: number
  cursor?: string[]
}

const readParts = (text: string): unknown => {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    return null
  }
}

/** `?limit` and `?cursor` of a list whose place is given by that many sort values. */
export const pageQuery = (partCount: number) => {
  const Parts = z.array(z.string().min(1).max(200)).length(partCount)
  return {
    limit: z
      .string()
      .regex(/^(?:[1-9]\d?|100)$/)
      .transform(Number)
      .default(50),
    cursor: z
      .string()
      .max(1_000)
      .refine((text) => Parts.safeParse(readParts(text)).success, { message: 'invalid_cursor' })
      .transform((text) => Parts.parse(readParts(text)))
      .optional(),
  }
}

export const encodeCursor = (parts: readonly string[]): string =>
  Buffer.from(JSON.stringify(parts)).toString('base64url')
