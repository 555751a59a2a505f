/** How a command ends; `vestibule --help` lists them for scripts. */
export const EXIT = { done: 0, refused: 1, misuse: 2, signedOut: 3, unreachable: 4 } as const
export type Exit = (typeof EXIT)[keyof typeof EXIT]

/** Asked wrongly: what was wrong, and how to ask. */
export class Misuse extends Error {}

/**
 * Text from the service, made harmless for a terminal: control and format characters could move the cursor, change the title
 * or hide what follows.
 */
export const plain = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{FFFD}')

/** JSON whose texts are as harmless for a terminal as everything else here, and still mean the same. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replaceAll(
    /[\u007f-\u009f\u2028\u2029]|\p{Cf}/gu,
    // JSON escapes are UTF-16 units (RFC 8259, section 7): a character past U+FFFF takes two.
    (char) =>
      Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(
        '',
      ),
  )

const widthOf = (text: string): number => Array.from(text).length

/** Rows under headings, each column as wide as its widest text. */
export const table = (headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  const all = [headings, ...rows].map((row) => row.map(plain))
  const widths = headings.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))))
  return all
    .map((row) =>
      row
        .map((text, column) => text + ' '.repeat((widths[column] ?? 0) - widthOf(text)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** What a command found out: a value for `--json`, words for people. */
export interface Found {
  value: unknown
  words: string
  exit?: Exit
}
