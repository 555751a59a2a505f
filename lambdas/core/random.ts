import { randomBytes } from 'node:crypto'

/** The only source of randomness. Passed in, so that a test can replay a run. */
export interface Random {
  bytes(length: number): Buffer
}

export const systemRandom: Random = { bytes: (length) => randomBytes(length) }

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz'

/** Lower-case Crockford base32, five bits a character; the last character is filled up with zero bits. */
export const toBase32 = (bytes: Uint8Array): string => {
  let text = ''
  let bits = 0
  let buffer = 0
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += CROCKFORD.charAt((buffer >> bits) & 31)
    }
    buffer &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + CROCKFORD.charAt((buffer << (5 - bits)) & 31)
}

/** The bytes of a text made by `toBase32`. */
export const fromBase32 = (text: string): Buffer => {
  const bytes: number[] = []
  let bits = 0
  let buffer = 0
  for (const char of text) {
    buffer = (buffer << 5) | CROCKFORD.indexOf(char)
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes.push((buffer >> bits) & 255)
      buffer &= (1 << bits) - 1
    }
  }
  return Buffer.from(bytes)
}

/** 26 characters that sort by time, then 80 random bits (the ULID layout, in lower case). */
export const sortableId = (at: Date, random: Random): string => {
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(at.getTime()) << 14n)
  return toBase32(time).slice(0, 10) + toBase32(random.bytes(10))
}
