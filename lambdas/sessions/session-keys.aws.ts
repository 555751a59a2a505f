import { createSecretKey, type KeyObject } from 'node:crypto'
import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import * as z from 'zod/mini'
import { callAws, DependencyError } from '../aws/errors.aws.ts'
import type { Clock } from '../core/clock.ts'
import { parseJson } from '../core/json.ts'
import type { Secret } from '../core/secret.ts'

const KEY_BYTES = 32
const RELOAD_SECONDS = 300
/** A key that we do not know may be a new one: look again, but not for every forgery. */
const UNKNOWN_KEY_RELOAD_SECONDS = 5

const Kid = z.string().check(z.regex(/^[a-z0-9]{1,12}$/))
const KeyBytes = z
  .pipe(
    z.base64(),
    z.transform((text) => Buffer.from(text, 'base64')),
  )
  .check(z.refine((bytes) => bytes.length >= KEY_BYTES && new Set(bytes).size > KEY_BYTES / 4, { message: 'weak key' }))
const Key = z.object({ kid: Kid, key: KeyBytes })
/** Flat, because Secrets Manager can generate one field of a document, not a nested one. */
const StoredKeys = z.extend(Key, { previous: z.optional(Key) })
/** As version 0.1 stored them on one machine. */
const NestedKeys = z.pipe(
  z.object({ current: Key, previous: z.optional(Key) }),
  z.transform(({ current, previous }) => ({ ...current, previous })),
)

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
    const json = parseJson(SecretString ?? '')
    const parsed = z.union([StoredKeys, NestedKeys]).safeParse(json.ok ? json.value : null)
    if (!parsed.success)
      throw new DependencyError('session-keys', 'misused', new Error('session keys are missing or weak'))
    const { previous, ...current } = parsed.data
    const all = [current, ...(previous === undefined ? [] : [previous])]
    const byId = new Map(all.map(({ kid, key }) => [kid, createSecretKey(key)]))
    return { current: { kid: current.kid, key: createSecretKey(current.key) }, byId }
  }

  /** The live keys; `token` is one that is about to be checked, whose key may be newer than what was loaded. */
  return async (token?: Secret): Promise<SessionKeys> => {
    const now = deps.clock.now().getTime()
    const ageSeconds = loaded === null ? Number.POSITIVE_INFINITY : (now - loaded.at) / 1000
    const kid = token?.reveal().split('.')[0]
    const isUnknown = kid !== undefined && loaded !== null && !loaded.keys.byId.has(kid)
    if (loaded === null || ageSeconds > (isUnknown ? UNKNOWN_KEY_RELOAD_SECONDS : RELOAD_SECONDS)) {
      loaded = { keys: await load(), at: now }
    }
    return loaded.keys
  }
}

export type SessionKeySource = ReturnType<typeof createSessionKeySource>
