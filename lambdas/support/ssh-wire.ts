import { fail, ok, type Result } from '../core/result.ts'

/** Pure: no I/O, no clock. The encoding of OpenSSH keys and signatures (RFC 4251, section 5; RFC 5656). */

const P256_TYPE = 'ecdsa-sha2-nistp256'
const ED25519_TYPE = 'ssh-ed25519'
const P256_CURVE = 'nistp256'
const P256_POINT_BYTES = 65
const ED25519_KEY_BYTES = 32
const UNCOMPRESSED = 4

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export const uint64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

export const string = (value: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint32(bytes.length), bytes])
}

/** A P-256 key as other structures hold it. */
export const p256Blob = (point: Uint8Array): Buffer =>
  Buffer.concat([string(P256_TYPE), string(P256_CURVE), string(point)])

/** A P-256 key as one line of an OpenSSH public key file. */
export const p256Line = (point: Uint8Array, comment: string): string =>
  `${P256_TYPE} ${p256Blob(point).toString('base64')} ${comment}`

/** Reads length-prefixed strings until the end; null when they do not add up. */
const readStrings = (bytes: Buffer): Buffer[] | null => {
  const strings: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) return null
    const length = bytes.readUInt32BE(at)
    if (at + 4 + length > bytes.length) return null
    strings.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return strings
}

export interface SshPublicKey {
  type: typeof ED25519_TYPE | typeof P256_TYPE
  /** What follows the type in the key's own encoding, and in a certificate for it. */
  fields: Buffer
}

/** Reads one line of an OpenSSH public key file. Ed25519 and ECDSA P-256 alone: what every sshd of today takes. */
export const readPublicKey = (line: string): Result<SshPublicKey, { reason: 'key_unusable' }> => {
  const [, type = '', base64 = ''] =
    /^(ssh-ed25519|ecdsa-sha2-nistp256) ([A-Za-z0-9+/]{40,400}={0,2})(?: [ -~]{0,200})?\s*$/.exec(line) ?? []
  const strings = readStrings(Buffer.from(base64, 'base64'))
  const [named, ...parts] = strings ?? []
  if (named === undefined || named.toString() !== type) return fail({ reason: 'key_unusable' })
  const fields = Buffer.concat(parts.map((part) => string(part)))
  const [first, second] = parts
  if (type === ED25519_TYPE && parts.length === 1 && first?.length === ED25519_KEY_BYTES) return ok({ type, fields })
  const isP256 = parts.length === 2 && first?.toString() === P256_CURVE && second?.length === P256_POINT_BYTES
  if (type === P256_TYPE && isP256 && second[0] === UNCOMPRESSED) return ok({ type, fields })
  return fail({ reason: 'key_unusable' })
}

/** An ECDSA signature in SSH's form, from DER (RFC 3279, section 2.2.3): DER's integers are SSH's mpints. */
export const p256Signature = (der: Uint8Array): Buffer => {
  const bytes = Buffer.from(der)
  const rLength = bytes[3] ?? 0
  const r = bytes.subarray(4, 4 + rLength)
  const sLength = bytes[5 + rLength] ?? 0
  const s = bytes.subarray(6 + rLength, 6 + rLength + sLength)
  if (
    bytes[0] !== 0x30 ||
    bytes[2] !== 2 ||
    bytes[4 + rLength] !== 2 ||
    s.length !== sLength ||
    6 + rLength + sLength !== bytes.length
  ) {
    throw new Error('the signature is not DER; check what the signing key answers')
  }
  return Buffer.concat([string(P256_TYPE), string(Buffer.concat([string(r), string(s)]))])
}
