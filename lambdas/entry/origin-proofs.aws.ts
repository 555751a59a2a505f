import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import * as z from 'zod/mini'
import { callAws, DependencyError } from '../aws/errors.aws.ts'
import { intoSecret } from '../contract/text.ts'
import type { Clock } from '../core/clock.ts'
import type { Secret } from '../core/secret.ts'

const RELOAD_SECONDS = 60
const proof = z.pipe(z.string().check(z.minLength(32)), intoSecret)
/** Two slots: the edge sends one, the other is free for the next value. Both are good, so that a rotation has no gap. */
const StoredProofs = z.object({ a: proof, b: z.optional(proof) })

/** The values that the edge may present; read again every minute, so that a rotation needs no deploy. */
export const createOriginProofSource = (deps: { secrets: SecretsManagerClient; secretId: string; clock: Clock }) => {
  let loaded: { proofs: Secret[]; at: number } | null = null
  return async (): Promise<readonly Secret[]> => {
    const now = deps.clock.now().getTime()
    if (loaded !== null && now - loaded.at <= RELOAD_SECONDS * 1000) return loaded.proofs
    const { SecretString } = await callAws('secretsmanager', () =>
      deps.secrets.send(new GetSecretValueCommand({ SecretId: deps.secretId, VersionStage: 'AWSCURRENT' })),
    )
    const parsed = StoredProofs.safeParse(JSON.parse(SecretString ?? 'null'))
    if (!parsed.success)
      throw new DependencyError('origin-proof', 'misused', new Error('the origin proof is missing or too short'))
    const { a, b } = parsed.data
    loaded = { proofs: b === undefined ? [a] : [a, b], at: now }
    return loaded.proofs
  }
}
