import { fail, ok, type Result } from './result.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export type JsonFailure = { reason: 'json_malformed' | 'json_too_deep' | 'json_duplicate_key' | 'json_forbidden_key' }

const MAX_DEPTH = 20
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype'])
const NUMBER = /-?(?:0|[1-9]\d{0,19})(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?/y
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const LITERAL = /true|false|null/y
const SPACE = /[ \t\n\r]*/y

class JsonRefused extends Error {
  readonly failure: JsonFailure

  constructor(reason: JsonFailure['reason']) {
    super(reason)
    this.failure = { reason }
  }
}

/**
 * Reads one JSON document (RFC 8259) and refuses what `JSON.parse` lets through: duplicate keys, keys that reach a
 * prototype, depth over 20, numbers that a double cannot hold exactly, trailing text.
 */
export const parseJson = (text: string): Result<Json, JsonFailure> => {
  let position = 0

  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = position
    const match = pattern.exec(text)
    if (match === null) return null
    position = pattern.lastIndex
    return match[0]
  }

  const takeChar = (char: string): boolean => {
    take(SPACE)
    if (text[position] !== char) return false
    position += 1
    return true
  }

  const expect = (char: string): void => {
    if (!takeChar(char)) throw new JsonRefused('json_malformed')
  }

  const readString = (): string => {
    take(SPACE)
    const raw = take(STRING)
    if (raw === null) throw new JsonRefused('json_malformed')
    const value = String(JSON.parse(raw))
    if (!value.isWellFormed()) throw new JsonRefused('json_malformed')
    return value
  }

  const readObject = (depth: number): Json => {
    const entries = new Map<string, Json>()
    if (!takeChar('}')) {
      do {
        const key = readString()
        if (FORBIDDEN_KEYS.has(key)) throw new JsonRefused('json_forbidden_key')
        if (entries.has(key)) throw new JsonRefused('json_duplicate_key')
        expect(':')
        entries.set(key, readValue(depth))
      } while (takeChar(','))
      expect('}')
    }
    return Object.fromEntries(entries)
  }

  const readArray = (depth: number): Json => {
    const values: Json[] = []
    if (!takeChar(']')) {
      do values.push(readValue(depth))
      while (takeChar(','))
      expect(']')
    }
    return values
  }

  const readNumber = (): Json => {
    const raw = take(NUMBER)
    const value = Number(raw)
    if (raw === null || Math.abs(value) > Number.MAX_SAFE_INTEGER) throw new JsonRefused('json_malformed')
    return value
  }

  const readValue = (depth: number): Json => {
    if (depth > MAX_DEPTH) throw new JsonRefused('json_too_deep')
    if (takeChar('{')) return readObject(depth + 1)
    if (takeChar('[')) return readArray(depth + 1)
    if (text[position] === '"') return readString()
    const literal = take(LITERAL)
    if (literal !== null) return literal === 'null' ? null : literal === 'true'
    return readNumber()
  }

  try {
    const value = readValue(0)
    take(SPACE)
    return position === text.length ? ok(value) : fail({ reason: 'json_malformed' })
  } catch (error) {
    if (error instanceof JsonRefused) return fail(error.failure)
    throw error
  }
}
