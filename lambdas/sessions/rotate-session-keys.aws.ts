import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import * as z from 'zod/mini'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import { sha256Hex } from '../core/digest.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'

const KEY_BYTES = 48
const Stored = z.object({ kid: z.string(), key: z.string() })

/**
 * Makes a new key that signs from now on; the one before goes on verifying until the next rotation. Functions read both
 * within five minutes, and at once when they meet a key that they do not know. Of two rotations at a time one is refused.
 */
export const rotateSessionKeys = async (
  deps: { secrets: SecretsManagerClient; random: Random },
  secretId: string,
): Promise<Result<{ kid: string }, { reason: 'rotated_meanwhile' }>> => {
  const got = await callAws('secretsmanager', () =>
    deps.secrets.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage: 'AWSCURRENT' })),
  )
  const previous = Stored.parse(JSON.parse(got.SecretString ?? 'null'))
  const kid = deps.random.bytes(4).toString('hex')
  const key = deps.random.bytes(KEY_BYTES).toString('base64')
  const put = await tryAws('secretsmanager', ['ResourceExistsException'], () =>
    deps.secrets.send(
      new PutSecretValueCommand({
        SecretId: secretId,
        SecretString: JSON.stringify({ kid, key, previous: { kid: previous.kid, key: previous.key } }),
        ClientRequestToken: sha256Hex(`successor:${got.VersionId ?? ''}`),
      }),
    ),
  )
  return put.ok ? ok({ kid }) : fail({ reason: 'rotated_meanwhile' })
}
