import { spellingsOf } from './sinks.ts'

/** Eight bytes of a value, in whatever spelling they lie about, are a leak. */
const WINDOW_BYTES = 8
const KEY_CHARACTERS = 8
const FILTER_BITS = 22
const BASE = 0x01000193

/** So many characters of a spelling stand for eight bytes. */
const HEX_WINDOW = WINDOW_BYTES * 2
const BASE64_WINDOW = Math.ceil((WINDOW_BYTES * 4) / 3)

const windowsOf = (text: string, length: number): string[] =>
  Array.from({ length: Math.max(0, text.length - length + 1) }, (_, start) => text.slice(start, start + length))

/** Base64 of the middle of something longer begins at any of three places. */
const base64Windows = (bytes: Buffer): string[] =>
  [0, 1, 2].flatMap((skipped) => {
    const text = bytes.subarray(skipped).toString('base64url').slice(0, -1)
    return [...windowsOf(text, BASE64_WINDOW), ...windowsOf(bytes.subarray(skipped).toString('base64'), BASE64_WINDOW)]
  })

/**
 * Finds any eight bytes of any planted value in any text, in the spellings of `spellingsOf`. A rolling hash over eight
 * characters and a bit field rule out nearly every place; the few others are compared.
 */
export const createPlantedIndex = () => {
  const filter = new Uint32Array(2 ** (FILTER_BITS - 5))
  const byKey = new Map<string, Set<string>>()
  const known = new Set<string>()
  let leaving = 1
  for (let turn = 1; turn < KEY_CHARACTERS; turn += 1) leaving = Math.imul(leaving, BASE)

  const slotOf = (hash: number): number => Math.imul(hash, 0x9e3779b1) >>> (32 - FILTER_BITS)

  const addWindow = (window: string): void => {
    const key = window.slice(0, KEY_CHARACTERS)
    const same = byKey.get(key)
    if (same !== undefined) {
      same.add(window)
      return
    }
    byKey.set(key, new Set([window]))
    let hash = 0
    for (let at = 0; at < KEY_CHARACTERS; at += 1) hash = (Math.imul(hash, BASE) + key.charCodeAt(at)) | 0
    const slot = slotOf(hash)
    filter[slot >>> 5] = (filter[slot >>> 5] ?? 0) | (1 << (slot & 31))
  }

  /** Plants one value; its first `publicCharacters` may be seen: a prefix by which scanners know it. */
  const plant = (value: string, publicCharacters = 0): void => {
    const secret = value.slice(publicCharacters)
    if (known.has(secret)) return
    known.add(secret)
    const bytes = Buffer.from(secret)
    const [raw = '', , , hex = '', ...escaped] = spellingsOf(secret)
    const windows = [
      ...[raw, bytes.toString('latin1'), ...escaped].flatMap((text) => windowsOf(text, WINDOW_BYTES)),
      ...[hex, hex.toUpperCase()].flatMap((text) => windowsOf(text, HEX_WINDOW)),
      ...base64Windows(bytes),
    ]
    for (const window of windows) addWindow(window)
  }

  /** The first planted window in a text, or null. */
  const find = (text: string): string | null => {
    if (text.length < KEY_CHARACTERS) return null
    let hash = 0
    for (let at = 0; at < KEY_CHARACTERS - 1; at += 1) hash = (Math.imul(hash, BASE) + text.charCodeAt(at)) | 0
    for (let end = KEY_CHARACTERS - 1; end < text.length; end += 1) {
      hash = (Math.imul(hash, BASE) + text.charCodeAt(end)) | 0
      const slot = slotOf(hash)
      const start = end - KEY_CHARACTERS + 1
      if (((filter[slot >>> 5] ?? 0) & (1 << (slot & 31))) !== 0) {
        for (const window of byKey.get(text.slice(start, end + 1)) ?? []) {
          if (text.startsWith(window, start)) return window
        }
      }
      hash = (hash - Math.imul(text.charCodeAt(start), leaving)) | 0
    }
    return null
  }

  /** As `find`, through everything inside a value: keys and texts of objects and lists. */
  const findIn = (value: unknown): string | null => {
    if (typeof value === 'string') return find(value)
    if (typeof value !== 'object' || value === null) return null
    for (const [key, inner] of Object.entries(value)) {
      const found = find(key) ?? findIn(inner)
      if (found !== null) return found
    }
    return null
  }

  return { plant, find, findIn, size: () => known.size }
}

export type PlantedIndex = ReturnType<typeof createPlantedIndex>
