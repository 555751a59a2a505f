import { crc32 } from 'node:zlib'
import { Secret } from './secret.ts'

const CHECKSUM_LENGTH = 6

const checksumOf = (text: string): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(text))
  return bytes.toString('base64url')
}

/**
 * A bearer secret that a scanner can recognise: prefix, random bytes in base64url, CRC-32. The checksum lets a mistyped or
 * made-up token be refused without a look-up; it protects nothing.
 */
export const formatToken = (prefix: string, bytes: Uint8Array): Secret => {
  const body = prefix + Buffer.from(bytes).toString('base64url')
  return new Secret(body + checksumOf(body))
}

/** The random bytes of a well-formed token, or null. Only the one canonical spelling of a token is accepted. */
export const parseToken = (prefix: string, byteLength: number, text: string): Buffer | null => {
  const bodyLength = prefix.length + Math.ceil((byteLength * 4) / 3)
  if (text.length !== bodyLength + CHECKSUM_LENGTH || !text.startsWith(prefix)) return null
  const bytes = Buffer.from(text.slice(prefix.length, bodyLength), 'base64url')
  if (bytes.length !== byteLength) return null
  return formatToken(prefix, bytes).reveal() === text ? bytes : null
}
