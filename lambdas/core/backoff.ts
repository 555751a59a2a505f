import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from './random.ts'

/** Waits a random time up to `capMilliseconds` ("full jitter", AWS Architecture Blog 2015), doubling the range per attempt. */
export const pauseWithJitter = async (
  random: Random,
  attempt: number,
  { baseMilliseconds = 5, capMilliseconds = 200 } = {},
): Promise<void> => {
  const range = Math.min(capMilliseconds, baseMilliseconds * 2 ** attempt)
  await sleep((random.bytes(2).readUInt16BE() / 65_536) * range)
}
