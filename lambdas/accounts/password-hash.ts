import { scrypt } from 'node:crypto'
import { SCRYPT_BLOCK_SIZE, SCRYPT_LOG2_COST, SCRYPT_PARALLELISM } from '../contract/facts.ts'
import { equalsConstantTime } from '../core/digest.ts'
import type { Random } from '../core/random.ts'
import type { Secret } from '../core/secret.ts'

export interface ScryptCost {
  log2Cost: number
  blockSize: number
  parallelism: number
}

const OUR_COST: ScryptCost = {
  log2Cost: SCRYPT_LOG2_COST,
  blockSize: SCRYPT_BLOCK_SIZE,
  parallelism: SCRYPT_PARALLELISM,
}
const HASH_BYTES = 32
const SALT_BYTES = 16
const MAX_LOG2_COST = 20
const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '')

/** Node refuses N=2^17 within its default 32 MiB, and needs a little more than 128*N*r bytes. */
const memoryLimitBytes = ({ log2Cost, blockSize }: ScryptCost): number =>
  128 * 2 ** log2Cost * blockSize + 4 * 1024 * 1024

const derive = (password: Secret, salt: Uint8Array, cost: ScryptCost): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const options = {
      N: 2 ** cost.log2Cost,
      r: cost.blockSize,
      p: cost.parallelism,
      maxmem: memoryLimitBytes(cost),
    }
    scrypt(password.reveal(), salt, HASH_BYTES, options, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    )
  })

const formatPhc = (cost: ScryptCost, salt: Uint8Array, hash: Uint8Array): string =>
  `$scrypt$ln=${cost.log2Cost},r=${cost.blockSize},p=${cost.parallelism}$${toBase64(salt)}$${toBase64(hash)}`

const parsePhc = (text: string): { cost: ScryptCost; salt: Buffer; hash: Buffer } => {
  const match = PHC.exec(text)
  const [, log2Cost, blockSize, parallelism, salt = '', hash = ''] = match ?? []
  const cost = { log2Cost: Number(log2Cost), blockSize: Number(blockSize), parallelism: Number(parallelism) }
  if (match === null || cost.log2Cost > MAX_LOG2_COST) throw new Error('stored password hash is not readable')
  return { cost, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') }
}

/** Lets at most `maxConcurrent` tasks run; each scrypt holds 128 MiB, and more at once only makes all of them slower. */
const createGate = (maxConcurrent: number) => {
  let running = 0
  const waiting: (() => void)[] = []
  return async <T>(task: () => Promise<T>): Promise<T> => {
    if (running >= maxConcurrent) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

/**
 * scrypt (RFC 7914) with its parameters kept beside the hash in PHC form, so that they can be raised later. `cost` is given
 * by tests only; the deployed wiring leaves it out.
 */
export const createPasswordHasher = (random: Random, { cost = OUR_COST, maxConcurrent = 2 } = {}) => {
  const gate = createGate(maxConcurrent)
  const decoySalt = random.bytes(SALT_BYTES)

  return {
    hash: async (password: Secret): Promise<string> => {
      const salt = random.bytes(SALT_BYTES)
      return formatPhc(cost, salt, await gate(() => derive(password, salt, cost)))
    },

    /** `outdated`: right, but hashed with other parameters than today's. */
    verify: async (password: Secret, stored: string): Promise<'wrong' | 'right' | 'outdated'> => {
      const { cost: storedCost, salt, hash } = parsePhc(stored)
      const derived = await gate(() => derive(password, salt, storedCost))
      if (!equalsConstantTime(derived, hash)) return 'wrong'
      const current =
        storedCost.log2Cost === cost.log2Cost &&
        storedCost.blockSize === cost.blockSize &&
        storedCost.parallelism === cost.parallelism
      return current ? 'right' : 'outdated'
    },

    /** Costs what `verify` costs, for an address that has no account. */
    verifyDecoy: async (password: Secret): Promise<void> => {
      await gate(() => derive(password, decoySalt, cost))
    },
  }
}

export type PasswordHasher = ReturnType<typeof createPasswordHasher>
