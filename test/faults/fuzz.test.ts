import { describe, expect, it } from 'vitest'
import { createPlantedIndex } from '../support/planted.ts'
import { describeFuzz, fuzz } from './fuzz.ts'

/** The quick form of `npm run faults`: one small world. */
const QUICK = { requests: 500, seed: 'quick', workers: 1 }

describe('fuzzing', () => {
  it('HTP-20 finds no 5xx, no hang, no answer of another shape and nothing planted, over every route and event', async () => {
    const result = await fuzz(QUICK)

    expect(describeFuzz(result)).toContain(', 0 violations')
    expect(result.requests).toBe(QUICK.requests)
    expect(result.events).toBeGreaterThan(10)
    expect(result.byStatus[200]).toBeGreaterThan(50)
  }, 60_000)

  it('would see any eight bytes of what is planted, in every spelling, and nothing else', () => {
    const { plant, find, findIn } = createPlantedIndex()
    const value = 'sk-ant-oat01-Zq8"vLw3 Tn5Rb7YcKd2'
    plant(value, 13)
    const secret = Buffer.from(value.slice(13))

    for (const text of [
      `before ${value} after`,
      value.slice(15, 23),
      JSON.stringify({ inner: value }),
      encodeURIComponent(value),
      secret.toString('hex'),
      secret.toString('hex').toUpperCase().slice(2, 20),
      Buffer.from(`x${value}y`).toString('base64'),
      Buffer.from(`xy${value}y`).toString('base64url'),
      Buffer.concat([Buffer.from('xyz'), secret.subarray(2, 14)]).toString('base64'),
    ])
      expect([text, find(text) === null]).toEqual([text, false])
    expect(findIn({ rows: [{ a: 1 }, { [value]: null }] })).not.toBeNull()
    expect(find('sk-ant-oat01-')).toBeNull()
    expect(find(value.slice(0, 20))).toBeNull()
  })
})
