import type { Dice } from '../support/dice.ts'

/** Values that break programs, and ways to bend a value that was right. */

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

const TEXTS = [
  '',
  ' ',
  'null',
  'true',
  '0',
  '-1',
  'NaN',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '../../etc/passwd',
  '%00',
  '%2e%2e%2f',
  'a\u0000b',
  'line\nbreak',
  '\r\nset-cookie: a=b',
  '\u202eevil',
  '\u200b',
  '\ufeffmark',
  '\u{1f600}'.repeat(3),
  'e\u0301'.repeat(4),
  '\u0130stanbul',
  '\ufb03',
  '\ud800',
  "' OR 1=1 --",
  '{{7*7}}',
  '${jndi:ldap://x}',
  '<script>alert(1)</script>',
  '$(reboot)',
  'INVITE#inv_00000000000000000000000000',
  '169.254.169.254',
  'file:///etc/passwd',
  '9'.repeat(400),
  'x'.repeat(5_000),
]

const SCALARS = [null, true, false, 0, -0, -1, 1.5, 1e308, 5e-324, 2 ** 53, -(2 ** 31), 1e21]

const nest = (depth: number): unknown =>
  depth === 0 ? [] : depth % 2 === 0 ? [nest(depth - 1)] : { a: nest(depth - 1) }

export const letters = (dice: Dice, length: number): string => dice.text(length, LETTERS)

export const wildText = (dice: Dice): string =>
  dice.chance(0.7) ? dice.pick(TEXTS) : letters(dice, dice.pick([1, 7, 8, 14, 15, 60, 61, 128, 129, 255, 256, 1_025]))

export const wildValue = (dice: Dice): unknown => {
  switch (dice.number(6)) {
    case 0:
      return dice.pick(SCALARS)
    case 1:
      return nest(dice.pick([1, 3, 18, 19, 20, 21, 40]))
    case 2:
      return Array.from({ length: dice.pick([0, 1, 30]) }, () => wildText(dice))
    case 3:
      return { [wildText(dice)]: wildText(dice) }
    default:
      return wildText(dice)
  }
}

export const bendText = (dice: Dice, text: string): string => {
  const at = dice.number(text.length + 1)
  switch (dice.number(8)) {
    case 0:
      return text.slice(0, at)
    case 1:
      return `${text.slice(0, at)}${wildText(dice)}${text.slice(at)}`
    case 2:
      return text.toUpperCase()
    case 3:
      return ` ${text}`
    case 4:
      return `${text}\n`
    case 5:
      return text + text
    case 6:
      return text.slice(0, at) + String.fromCharCode((text.charCodeAt(at) || 97) ^ 1) + text.slice(at + 1)
    default:
      return wildText(dice)
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const without = (value: Record<string, unknown>, key: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))

const bendRecord = (dice: Dice, value: Record<string, unknown>): unknown => {
  const keys = Object.keys(value)
  if (keys.length === 0 || dice.chance(0.2)) return { ...value, [wildText(dice) || 'extra']: wildValue(dice) }
  const key = dice.pick(keys)
  switch (dice.number(5)) {
    case 0:
      return without(value, key)
    case 1:
      return { ...without(value, key), [bendText(dice, key)]: value[key] }
    default:
      return { ...value, [key]: bend(dice, value[key]) }
  }
}

/** Changes one thing somewhere inside a value. */
export const bend = (dice: Dice, value: unknown): unknown => {
  if (dice.chance(0.15)) return wildValue(dice)
  if (typeof value === 'string') return bendText(dice, value)
  if (typeof value === 'number') return dice.pick([value + 1, -value, value + 0.5, String(value), 0, 1e300])
  if (Array.isArray(value)) {
    if (value.length === 0 || dice.chance(0.3)) return [...value, ...(value.length > 0 ? value : [wildValue(dice)])]
    const at = dice.number(value.length)
    return value.map((inner, index) => (index === at ? bend(dice, inner) : inner))
  }
  return isRecord(value) ? bendRecord(dice, value) : wildValue(dice)
}

/** What a schema says about where its edges are, as far as JSON Schema can say it. */
interface Edges {
  type?: string
  enum?: unknown[]
  maxLength?: number
  minLength?: number
  minimum?: number
  maximum?: number
  properties?: Record<string, Edges>
}

const edgeOf = (dice: Dice, edges: Edges): unknown => {
  if (edges.enum !== undefined) return dice.chance(0.8) ? dice.pick(edges.enum) : wildText(dice)
  if (edges.maxLength !== undefined)
    return letters(dice, dice.pick([edges.maxLength, edges.maxLength + 1, edges.minLength ?? 0]))
  if (edges.maximum !== undefined)
    return dice.pick([edges.maximum, edges.maximum + 1, (edges.minimum ?? 0) - 1, edges.minimum ?? 0])
  if (edges.type === 'boolean') return dice.pick([true, false, 'true', 'false', 0, 1, null, ''])
  return wildValue(dice)
}

/** Puts one field, known to the schema, on or just over its edge. */
export const toEdge = (dice: Dice, value: unknown, edges: Edges): unknown => {
  const names = Object.keys(edges.properties ?? {})
  if (names.length === 0) return edgeOf(dice, edges)
  const name = dice.pick(names)
  const inside = isRecord(value) ? value : {}
  return { ...inside, [name]: toEdge(dice, inside[name], edges.properties?.[name] ?? {}) }
}

/** Texts that are not JSON, or that a careless reader takes for other JSON than it is. */
export const breakJson = (dice: Dice, json: string): string | Buffer => {
  const at = dice.number(json.length + 1)
  switch (dice.number(14)) {
    case 0:
      return json.slice(0, at)
    case 1:
      return `\ufeff${json}`
    case 2:
      return Buffer.from(json, 'utf16le')
    case 3:
      return json.replace('{', '{"__proto__":{"role":"admin"},')
    case 4:
      return json.replace(/\{("[^"]+":)/, '{$10,$1')
    case 5:
      return `${json} {}`
    case 6:
      return json.replace(/\}$/, ',}')
    case 7:
      return `/**/${json}`
    case 8:
      return '['.repeat(dice.pick([21, 1_000, 60_000]))
    case 9:
      return Buffer.concat([Buffer.from(json.slice(0, at)), dice.bytes(4), Buffer.from(json.slice(at))])
    case 10:
      return json.replace(/"([^"]*)"\}?$/, '"\\ud800$1"}')
    case 11:
      return json + ' '.repeat(dice.pick([Math.max(0, 65_536 - json.length), 65_537, 200_000]))
    case 12:
      return dice.pick([
        '',
        'null',
        '[]',
        '""',
        '0',
        'NaN',
        '{"a":1e999}',
        '{"a":01}',
        "{'a':1}",
        '{"a":9007199254740993}',
      ])
    default:
      return dice.bytes(dice.pick([1, 8, 300, 66_000]))
  }
}
