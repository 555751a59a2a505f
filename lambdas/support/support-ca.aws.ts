import { createPublicKey } from 'node:crypto'
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms'
import { callAws } from '../aws/errors.aws.ts'
import { once } from '../core/once.ts'
import { p256Line, p256Signature } from './ssh-wire.ts'

/** The public half of a P-256 key in KMS, as an uncompressed point; the same for as long as the key lives. */
const readPublicPoint = async (kms: KMSClient, keyId: string): Promise<Buffer> => {
  const { PublicKey = new Uint8Array() } = await callAws('kms', () =>
    kms.send(new GetPublicKeyCommand({ KeyId: keyId })),
  )
  const { x = '', y = '' } = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' }).export({
    format: 'jwk',
  })
  return Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
}

/**
 * The support CA: a P-256 key in KMS that never leaves it. No other function than support may ask it to sign. The message
 * goes to KMS whole (`RAW`, 4 KiB at most), so that KMS is what hashes it.
 */
export const createSupportCa = (deps: { kms: KMSClient; keyId: string }) => {
  const { kms, keyId } = deps

  return {
    publicPoint: once(() => readPublicPoint(kms, keyId)),

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
 * the one that is being retired after it. Read from KMS once.
 */
export const createTrustedCas = (deps: { kms: KMSClient; keyIds: readonly string[] }): (() => Promise<string[]>) =>
  once(async () => {
    const points = await Promise.all(deps.keyIds.map((keyId) => readPublicPoint(deps.kms, keyId)))
    return points.map((point, place) => p256Line(point, `vestibule-support-${place + 1}`))
  })
