import { equalsConstantTime, hmacSha256 } from '../core/digest.ts'
import type { SessionKeys } from './session-keys.aws.ts'

/** Pure: no I/O, no clock. */

/** What a MAC is for. One made for a purpose or a stage is worthless for another. */
export type MacPurpose = 'session' | 'known-browser' | 'idempotency'

const macOf = (key: Parameters<typeof hmacSha256>[0], purpose: MacPurpose, stage: string, value: string): Buffer =>
  hmacSha256(key, `vestibule\n${purpose}\n${stage}\n${value}`)

/** `kid.value.mac`; the MAC covers purpose, stage, key id and value. */
export const signValue = ({ current }: SessionKeys, purpose: MacPurpose, stage: string, value: string): string =>
  `${current.kid}.${value}.${macOf(current.key, purpose, stage, `${current.kid}.${value}`).toString('base64url')}`

/** The value of a text made by `signValue` with a key that is still live, or null. */
export const openValue = (keys: SessionKeys, purpose: MacPurpose, stage: string, text: string): string | null => {
  const first = text.indexOf('.')
  const last = text.lastIndexOf('.')
  if (first <= 0 || last <= first) return null
  const key = keys.byId.get(text.slice(0, first))
  if (key === undefined) return null
  const macText = text.slice(last + 1)
  const mac = Buffer.from(macText, 'base64url')
  const genuine = equalsConstantTime(mac, macOf(key, purpose, stage, text.slice(0, last)))
  return genuine && mac.toString('base64url') === macText ? text.slice(first + 1, last) : null
}
