import { createHash } from 'node:crypto'

/** Chance that a seed replays, fast enough to be thrown a million times (mulberry32). */
export const createDice = (seed: string) => {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0)

  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  /** From 0 to `below` - 1. */
  const number = (below: number): number => Math.floor(next() * below)
  const pick = <T>(from: readonly T[]): T => {
    if (from.length === 0) throw new Error('there is nothing to pick from')
    return from[number(from.length)] as T
  }
  const chance = (probability: number): boolean => next() < probability
  const text = (length: number, alphabet: string): string =>
    Array.from({ length }, () => alphabet[number(alphabet.length)]).join('')
  const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => number(256)))

  return { number, pick, chance, text, bytes }
}

export type Dice = ReturnType<typeof createDice>
