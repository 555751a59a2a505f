import { createHash } from 'node:crypto'
import type { Random } from '../../lambdas/core/random.ts'

/** Randomness that a seed replays: SHA-256 in counter mode. */
export const createSeededRandom = (seed = 'vestibule'): Random => {
  let counter = 0
  return {
    bytes: (length) => {
      const blocks: Buffer[] = []
      for (let have = 0; have < length; have += 32) {
        counter += 1
        blocks.push(createHash('sha256').update(`${seed} ${counter}`).digest())
      }
      return Buffer.concat(blocks).subarray(0, length)
    },
  }
}
