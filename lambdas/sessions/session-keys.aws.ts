import { createSecretKey, type KeyObject } from 'node:crypto'
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import * as z from 'zod'
import { callAws, DependencyError } from '../aws/errors.aws.ts'
import type { Clock } from '../core/clock.ts'

const KEY_BYTES = 32
const RELOAD_SECONDS = 300

const StoredKey = z
  .object({ kid: z.string().regex(/^[a-z0-9]{1,12}$/), key: z.base64() })
  .transform(({ kid, key }) => ({ kid, bytes: Buffer.from(key, 'base64') }))
  .refine(({ bytes }) => bytes.length >= KEY_BYTES && new Set(bytes).size > KEY_BYTES / 4, { message: 'weak key' })
const StoredKeys = z.object({ current: StoredKey, previous: StoredKey.optional() })

/** The key that signs now and those that still verify: two during a rotation. */
export interface SessionKeys {
  current: { kid: string; key: KeyObject }
  byId: ReadonlyMap<string, KeyObject>
}

/**
 * Reads the session keys from their secret, again every five minutes, so that a rotation needs no deploy. A missing or weak
 * key serves nobody: the error is answered as 503.
 */
export const createSessionKeySource = (deps: { secrets: SecretsManagerClient; secretId: string; clock: Clock }) => {
  let loaded: { keys: SessionKeys; at: number } | null = null

  const load = async (): Promise<SessionKeys> => {
    const { SecretString } = await callAws('secretsmanager', () =>
      deps.secrets.send(new GetSecretValueCommand({ SecretId: deps.secretId, VersionStage: 'AWSCURRENT' })),
    )
    const parsed = StoredKeys.safeParse(JSON.parse(SecretString ?? 'null'))
    if (!parsed.success)
      throw new DependencyError('session-keys', 'misused', new Error('session keys are missing or weak'))
    const { current, previous } = parsed.data
    const all = [current, ...(previous === undefined ? [] : [previous])]
    const byId = new Map(all.map(({ kid, bytes }) => [kid, createSecretKey(bytes)]))
    return { current: { kid: current.kid, key: createSecretKey(current.bytes) }, byId }
  }

  return async (): Promise<SessionKeys> => {
    const now = deps.clock.now().getTime()
    if (loaded === null || now - loaded.at > RELOAD_SECONDS * 1000) loaded = { keys: await load(), at: now }
    return loaded.keys
  }
}

export type SessionKeySource = ReturnType<typeof createSessionKeySource>
