import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { replay, STORIES } from './interleavings.ts'
import { createHistory, isLinearizable } from './linearize.ts'
import { mergeByTheApi, mergeDistinctKeys } from './merges.ts'
import { redeemAtOnce } from './redeem.ts'
import { explore } from './stage.ts'

/** The quick forms of what `npm run faults` does with many times as many. */
const SEED = 20_261_121

describe('interleavings', () => {
  it.each([
    ['invite', 30],
    ['revocation', 40],
    ['merge', 16],
    ['launch', 24],
  ] as const)(
    'of one %s: every answer fits an order of the calls',
    async (story, schedules) => {
      expect(await STORIES[story]({ schedules, seed: SEED })).toEqual({ schedules, violations: [] })
    },
    60_000,
  )

  it('that break a rule are named, and replay', async () => {
    const found: string[] = []
    const story = (path?: string, schedules = 30) =>
      explore('overlap', { schedules, seed: SEED, path }, fc.nat(3), async (stage, schedule) => {
        let order = ''
        const actor = (name: string) => ({
          name,
          act: async () => {
            await stage.pause()
            order += name
          },
        })
        await stage.play(schedule, [actor('a'), actor('b'), actor('c')])
        found.push(order)
        if (order === 'cba') throw new Error(`came as ${order}`)
      })

    const { violations } = await story()
    const [name, seed, path] = violations[0]?.replay.split(':') ?? []
    const again = await story(path, 1)

    expect([name, seed]).toEqual(['overlap', String(SEED)])
    expect(new Set(found).size).toBeGreaterThan(2)
    expect(again.violations[0]?.what).toContain('came as cba')
    await expect(replay('nobody:1:0', { faultRate: 0 })).rejects.toThrow('no story is called nobody')
  })
})

describe('isLinearizable', () => {
  interface Op {
    writes?: number
    reads?: number
  }
  const register = (state: number, { writes, reads }: Op): number[] =>
    writes !== undefined ? [writes] : reads === state ? [state] : []
  const call = (op: Op, startedAt: number, endedAt: number) => ({ op, startedAt, endedAt })

  it.each([
    ['a read of what was written before', [call({ writes: 1 }, 1, 2), call({ reads: 1 }, 3, 4)], true],
    [
      'a read of what was there before a write that had ended',
      [call({ writes: 1 }, 1, 2), call({ reads: 0 }, 3, 4)],
      false,
    ],
    ['a read of either beside the write', [call({ writes: 1 }, 1, 4), call({ reads: 0 }, 2, 3)], true],
    [
      'two reads that see a write come and go',
      [call({ writes: 1 }, 1, 6), call({ reads: 1 }, 2, 3), call({ reads: 0 }, 4, 5)],
      false,
    ],
  ])('judges %s', (_what, history, expected) => {
    expect(isLinearizable(history, 0, register)).toBe(expected)
  })

  it('holds the last state against what is stored', async () => {
    const { calls, record } = createHistory<Op>()
    await record(
      async () => null,
      () => ({ writes: 2 }),
    )

    expect(isLinearizable(calls, 0, register, (state) => state === 2)).toBe(true)
    expect(isLinearizable(calls, 0, register, (state) => state === 0)).toBe(false)
  })
})

describe('many at once', () => {
  it('INV-01 redeem one invite: one account, nobody is answered 5xx', async () => {
    const tries = 120
    expect(await redeemAtOnce(tries)).toEqual({
      ...{ tried: tries, accounts: 1, created: 1, refused: tries - 1, serverErrors: 0 },
    })
  })

  it('SEC-01 merge keys of their own: each that was acknowledged is kept', async () => {
    const { acknowledged, versions, ...rest } = await mergeDistinctKeys(60)
    expect(rest).toEqual({ tried: 60, lost: 0, serverErrors: 0 })
    expect(acknowledged).toBeGreaterThanOrEqual(57)
    expect(versions).toBeLessThanOrEqual(100)
    expect(await mergeByTheApi()).toMatchObject({ tried: 5, acknowledged: 5, lost: 0, serverErrors: 0 })
  })
})
