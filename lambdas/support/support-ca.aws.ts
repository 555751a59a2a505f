import { createPublicKey } from 'node:crypto'
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms'
import { callAws } from '../aws/errors.aws.ts'
import { p256Signature } from './ssh-wire.ts'

/**
 * The support CA: a P-256 key in KMS that never leaves it. No other function than support may ask it to sign. The message
 * goes to KMS whole (`RAW`, 4 KiB at most), so that KMS is what hashes it.
 */
export const createSupportCa = (deps: { kms: KMSClient; keyId: string }) => {
  const { kms, keyId } = deps
  let known: Buffer | null = null

  return {
    /** The public key as an uncompressed point; the same for as long as the key lives. */
    publicPoint: async (): Promise<Buffer> => {
      if (known !== null) return known
      const { PublicKey = new Uint8Array() } = await callAws('kms', () =>
        kms.send(new GetPublicKeyCommand({ KeyId: keyId })),
      )
      const { x = '', y = '' } = createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' }).export({
        format: 'jwk',
      })
      known = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
      return known
    },

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
