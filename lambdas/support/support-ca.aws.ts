import { createPublicKey } from 'node:crypto'
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms'
import { callAws, DependencyError, tryAws } from '../aws/errors.aws.ts'
import { once } from '../core/once.ts'
import { ok, type Result } from '../core/result.ts'
import { p256Line, p256Signature } from './ssh-wire.ts'

/** What KMS answers about a key that was disabled, is to be deleted, or is gone (AWS KMS API reference, GetPublicKey). */
const UNUSABLE = ['DisabledException', 'KMSInvalidStateException', 'NotFoundException'] as const

/** The public half of a P-256 key in KMS, as an uncompressed point; the same for as long as the key lives. */
const readPublicPoint = async (
  kms: KMSClient,
  keyId: string,
): Promise<Result<Buffer, { reason: (typeof UNUSABLE)[number]; cause: unknown }>> => {
  const got = await tryAws('kms', UNUSABLE, () => kms.send(new GetPublicKeyCommand({ KeyId: keyId })))
  if (!got.ok) return got
  const { PublicKey = new Uint8Array() } = got.value
  const { x = '', y = '' } = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' }).export({
    format: 'jwk',
  })
  return ok(Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]))
}

/**
 * The support CA: a P-256 key in KMS that never leaves it. No other function than support may ask it to sign. The message
 * goes to KMS whole (`RAW`, 4 KiB at most), so that KMS is what hashes it.
 */
export const createSupportCa = (deps: { kms: KMSClient; keyId: string }) => {
  const { kms, keyId } = deps

  return {
    publicPoint: once(async () => {
      const point = await readPublicPoint(kms, keyId)
      if (!point.ok) throw new DependencyError('kms', 'misused', point.failure.cause)
      return point.value
    }),

    /** A signature in SSH's form. */
    sign: async (message: Uint8Array): Promise<Buffer> => {
      const { Signature = new Uint8Array() } = await callAws('kms', () =>
        kms.send(
          new SignCommand({ KeyId: keyId, Message: message, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' }),
        ),
      )
      return p256Signature(Signature)
    },
  }
}

export type SupportCa = ReturnType<typeof createSupportCa>

/**
 * Whom agents that allow support are to trust: one line of sshd's TrustedUserCAKeys for each CA, the current one first and
 * the one that is being retired after it. Each is read from KMS once. A key that was disabled or is gone is trusted by none.
 */
export const createTrustedCas = (deps: { kms: KMSClient; keyIds: readonly string[] }): (() => Promise<string[]>) => {
  const { kms, keyIds } = deps
  const known = new Map<string, string>()

  const lineOf = async (keyId: string, place: number): Promise<string[]> => {
    const line = known.get(keyId)
    if (line !== undefined) return [line]
    const point = await readPublicPoint(kms, keyId)
    if (!point.ok) return []
    const made = p256Line(point.value, `vestibule-support-${place + 1}`)
    known.set(keyId, made)
    return [made]
  }

  return async () => (await Promise.all(keyIds.map(lineOf))).flat()
}
