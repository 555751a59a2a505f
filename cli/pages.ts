const PAGE = '100'

/** Everything that a list has, page after page. */
export const readAllPages = async <T>(
  readPage: (query: Record<string, string>) => Promise<{ rows: readonly T[]; nextCursor?: string | undefined }>,
): Promise<T[]> => {
  const all: T[] = []
  let cursor: string | undefined
  do {
    const page = await readPage({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) })
    all.push(...page.rows)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return all
}
