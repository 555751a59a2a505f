import { createHmac, hash, timingSafeEqual, type KeyObject } from 'node:crypto'

export const sha256Hex = (data: string | Uint8Array): string => hash('sha256', data, 'hex')

export const sha256Bytes = (data: string | Uint8Array): Buffer => hash('sha256', data, 'buffer')

/** HMAC-SHA256. Take the key as a `KeyObject`: a raw buffer costs five times as much per call. */
export const hmacSha256 = (key: KeyObject, data: string): Buffer => createHmac('sha256', key).update(data).digest()

/** The one comparison for secrets and digests; unequal lengths are unequal. */
export const equalsConstantTime = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && timingSafeEqual(left, right)
