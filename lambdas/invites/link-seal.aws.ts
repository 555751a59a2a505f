import { DecryptCommand, EncryptCommand, type KMSClient } from '@aws-sdk/client-kms'
import { callAws } from '../aws/errors.aws.ts'
import type { InviteId } from '../contract/ids.ts'
import { inviteMailContext } from '../contract/names.ts'
import { Secret } from '../core/secret.ts'

/**
 * Seals an invite's link for the mail sender (AWS KMS Encrypt, 4 KiB at most). The context binds it to its invite; the
 * function that seals has no right to open.
 */
export const createLinkSeal = (deps: { kms: KMSClient; keyId: string; stage: string }) => {
  const { kms, keyId, stage } = deps

  return {
    seal: async (inviteId: InviteId, link: string): Promise<string> => {
      const { CiphertextBlob = new Uint8Array() } = await callAws('kms', () =>
        kms.send(
          new EncryptCommand({
            KeyId: keyId,
            Plaintext: Buffer.from(link),
            EncryptionContext: inviteMailContext(stage, inviteId),
          }),
        ),
      )
      return Buffer.from(CiphertextBlob).toString('base64')
    },

    open: async (inviteId: InviteId, sealed: string): Promise<Secret> => {
      const { Plaintext = new Uint8Array() } = await callAws('kms', () =>
        kms.send(
          new DecryptCommand({
            KeyId: keyId,
            CiphertextBlob: Buffer.from(sealed, 'base64'),
            EncryptionContext: inviteMailContext(stage, inviteId),
          }),
        ),
      )
      return new Secret(Buffer.from(Plaintext).toString())
    },
  }
}

export type LinkSeal = ReturnType<typeof createLinkSeal>
