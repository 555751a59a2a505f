import type { EmbeddedAws } from '../../local/aws/embedded-aws.ts'

/** Every row of every table of the embedded AWS, bytes as text: what somebody who took the disk would hold. */
export const dumpAws = (aws: EmbeddedAws): Record<string, unknown[]> => {
  const tables = aws.database.all("SELECT name FROM sqlite_master WHERE type = 'table'").map((row) => String(row.name))
  return Object.fromEntries(
    tables.map((table) => [
      table,
      aws.database
        .all(`SELECT * FROM ${table}`)
        .map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([name, value]) => [
              name,
              value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
            ]),
          ),
        ),
    ]),
  )
}

/** The spellings in which a planted value could lie about. */
export const spellingsOf = (value: string): string[] => [
  value,
  Buffer.from(value).toString('base64').replace(/=+$/, ''),
  Buffer.from(value).toString('base64url'),
  Buffer.from(value).toString('hex'),
  encodeURIComponent(value),
  // As a form puts it into an address.
  encodeURIComponent(value).replaceAll('%20', '+'),
  JSON.stringify(value).slice(1, -1),
]

/** Where a planted value, or any eight characters of its random part, stands in a text. */
export const findPlanted = (text: string, planted: string, prefixLength = 0): string[] => {
  const found = spellingsOf(planted).filter((spelling) => text.includes(spelling))
  const random = planted.slice(prefixLength)
  for (let start = 0; start + 8 <= random.length; start += 1) {
    const window = random.slice(start, start + 8)
    if (text.includes(window)) found.push(window)
  }
  return found
}
