import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-secrets-manager'
import * as z from 'zod/mini'
import { callAws, DependencyError, tryAws } from '../aws/errors.aws.ts'
import { SECRET_RECOVERY_DAYS } from '../contract/facts.ts'
import { TAGS } from '../contract/tags.ts'
import { intoSecret } from '../contract/text.ts'
import { pauseWithJitter } from '../core/backoff.ts'
import { sha256Hex } from '../core/digest.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import {
  type CredentialChanges,
  mergeCredentials,
  type MergeFailure,
  serialiseCredentials,
  type StoredCredentials,
} from './merge.ts'

const StoredText = z.object({
  revision: z.number(),
  merges: z.array(z.string()),
  credentials: z.record(z.string(), z.pipe(z.string(), intoSecret)),
})

const MAX_ATTEMPTS = 60

/** What a version holds, by name only. */
export interface VaultState {
  versionId: string
  revision: number
  names: readonly string[]
  mergeIds: readonly string[]
}

export type VaultFailure =
  | MergeFailure
  | { reason: 'secret_missing' }
  | { reason: 'secret_deleted' }
  | { reason: 'version_quota' }
  | { reason: 'not_allowed' }

/** Who merges, and what must hold before it is written: a rule on the names it would leave, the caller's leave to write. */
export interface MergeGuards {
  mergeId: string
  judgeNames: (names: readonly string[]) => MergeFailure | null
  mayWrite: Promise<boolean>
}

interface Batch {
  changes: Map<string, Secret | null>
  guards: MergeGuards[]
  result: Promise<Result<VaultState, VaultFailure>>
}

const removesSomething = (changes: CredentialChanges): boolean => [...changes.values()].includes(null)

const versionAfter = (versionId: string): string => sha256Hex(`successor:${versionId}`)

const toVaultState = (versionId: string, { revision, mergeIds, values }: StoredCredentials): VaultState => ({
  versionId,
  revision,
  mergeIds,
  names: [...values.keys()],
})

/**
 * The agents' secrets. Secrets Manager has no "write if version", but a version id can be claimed only once (AWS API
 * reference, PutSecretValue): the successor of version v always asks for the id hash(v), so of two writers from one base one
 * loses, reads again and merges again. No acknowledged value is lost, and every version has one successor.
 */
export const createCredentialVault = (deps: { secrets: SecretsManagerClient; random: Random }) => {
  const { secrets, random } = deps
  const waiting = new Map<string, Batch>()
  const running = new Map<string, Promise<unknown>>()

  const read = async (
    secretId: string,
  ): Promise<Result<{ versionId: string; stored: StoredCredentials }, VaultFailure>> => {
    const got = await tryAws('secretsmanager', ['ResourceNotFoundException', 'InvalidRequestException'], () =>
      secrets.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage: 'AWSCURRENT' })),
    )
    if (!got.ok) {
      return fail({ reason: got.failure.reason === 'ResourceNotFoundException' ? 'secret_missing' : 'secret_deleted' })
    }
    const { revision, merges, credentials } = StoredText.parse(JSON.parse(got.value.SecretString ?? 'null'))
    const stored = { revision, mergeIds: merges, values: new Map(Object.entries(credentials)) }
    return ok({ versionId: got.value.VersionId ?? '', stored })
  }

  /** What the current version holds, by name. */
  const describe = async (secretId: string): Promise<Result<VaultState, VaultFailure>> => {
    const got = await read(secretId)
    return got.ok ? ok(toVaultState(got.value.versionId, got.value.stored)) : got
  }

  const putSuccessor = async (
    secretId: string,
    base: string,
    text: string,
  ): Promise<Result<string, VaultFailure | { reason: 'lost_race' }>> => {
    const put = await tryAws(
      'secretsmanager',
      ['ResourceExistsException', 'InvalidRequestException', 'ResourceNotFoundException', 'LimitExceededException'],
      () =>
        secrets.send(
          new PutSecretValueCommand({ SecretId: secretId, SecretString: text, ClientRequestToken: versionAfter(base) }),
        ),
    )
    if (put.ok) return ok(put.value.VersionId ?? versionAfter(base))
    switch (put.failure.reason) {
      case 'ResourceExistsException':
        return fail({ reason: 'lost_race' })
      case 'LimitExceededException':
        return fail({ reason: 'version_quota' })
      case 'InvalidRequestException':
        return fail({ reason: 'secret_deleted' })
      case 'ResourceNotFoundException':
        return fail({ reason: 'secret_missing' })
    }
  }

  const judge = async (guards: readonly MergeGuards[], names: readonly string[]): Promise<VaultFailure | null> => {
    const refused = guards.map((guard) => guard.judgeNames(names)).find((failure) => failure !== null)
    if (refused !== undefined) return refused
    const leave = await Promise.all(guards.map((guard) => guard.mayWrite))
    return leave.every(Boolean) ? null : { reason: 'not_allowed' }
  }

  const mergeNow = async (
    secretId: string,
    changes: CredentialChanges,
    guards: readonly MergeGuards[],
  ): Promise<Result<VaultState, VaultFailure>> => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      if (attempt > 0) await pauseWithJitter(random, Math.min(attempt, 6), { capMilliseconds: 250 })
      const base = await read(secretId)
      if (!base.ok) return base
      const merged = mergeCredentials(
        base.value.stored,
        changes,
        guards.map(({ mergeId }) => mergeId),
      )
      const refused = await judge(guards, [...(merged ?? base.value.stored).values.keys()])
      if (refused !== null) return fail(refused)
      if (merged === null) return ok(toVaultState(base.value.versionId, base.value.stored))
      const text = serialiseCredentials(merged)
      if (!text.ok) return text
      const put = await putSuccessor(secretId, base.value.versionId, text.value)
      if (put.ok) return ok(toVaultState(put.value, merged))
      if (put.failure.reason !== 'lost_race') return fail(put.failure)
    }
    throw new DependencyError('secretsmanager', 'throttled', new Error('too many writers of one secret'))
  }

  const startBatch = async (secretId: string, batch: Batch): Promise<Result<VaultState, VaultFailure>> => {
    if (waiting.get(secretId) === batch) waiting.delete(secretId)
    const merging = mergeNow(secretId, batch.changes, batch.guards)
    running.set(secretId, merging)
    try {
      return await merging
    } finally {
      if (running.get(secretId) === merging) running.delete(secretId)
    }
  }

  /**
   * Waits for the merge of the same secret that is under way, and lets additions that wait meanwhile share one version:
   * versions are scarce. Removals go alone, so that one refused removal fails nobody else.
   */
  const mergeBatched = (
    secretId: string,
    changes: CredentialChanges,
    guards: MergeGuards,
  ): Promise<Result<VaultState, VaultFailure>> => {
    const open = waiting.get(secretId)
    const canJoin =
      open !== undefined &&
      !removesSomething(changes) &&
      !removesSomething(open.changes) &&
      [...changes.keys()].every((name) => !open.changes.has(name))
    if (canJoin) {
      for (const [name, value] of changes) open.changes.set(name, value)
      open.guards.push(guards)
      return open.result
    }
    const previous = open?.result ?? running.get(secretId)
    const batch: Batch = {
      changes: new Map(changes),
      guards: [guards],
      result: Promise.resolve(fail({ reason: 'not_allowed' })),
    }
    const start = () => startBatch(secretId, batch)
    if (previous === undefined) return start()
    batch.result = previous.then(start, start)
    waiting.set(secretId, batch)
    return batch.result
  }

  return {
    /** Stores the first version. A secret of that name that exists already is left as it is, and described. */
    create: async (input: {
      secretId: string
      keyArn: string
      tags: Record<string, string>
      credentials: ReadonlyMap<string, Secret>
      mergeIds?: readonly string[]
    }): Promise<Result<VaultState & { existed: boolean }, VaultFailure>> => {
      const stored = { revision: 1, mergeIds: input.mergeIds ?? [], values: input.credentials }
      const text = serialiseCredentials(stored)
      if (!text.ok) return text
      const created = await tryAws('secretsmanager', ['ResourceExistsException', 'InvalidRequestException'], () =>
        secrets.send(
          new CreateSecretCommand({
            Name: input.secretId,
            SecretString: text.value,
            KmsKeyId: input.keyArn,
            ClientRequestToken: sha256Hex(`first:${input.secretId}`),
            Tags: Object.entries(input.tags).map(([Key, Value]) => ({ Key, Value })),
          }),
        ),
      )
      if (created.ok) return ok({ ...toVaultState(created.value.VersionId ?? '', stored), existed: false })
      if (created.failure.reason === 'InvalidRequestException') return fail({ reason: 'secret_deleted' })
      const existing = await describe(input.secretId)
      return existing.ok ? ok({ ...existing.value, existed: true }) : existing
    },

    merge: mergeBatched,

    describe,

    /** Lets one instance, and no other, read the secret: the instances' role is allowed by this tag. */
    bindToInstance: async (secretId: string, instanceArn: string): Promise<void> => {
      await callAws('secretsmanager', () =>
        secrets.send(
          new TagResourceCommand({ SecretId: secretId, Tags: [{ Key: TAGS.instanceArn, Value: instanceArn }] }),
        ),
      )
    },

    /** Lets no instance read the secret any more. One that is gone or scheduled for deletion is read by none. */
    unbind: async (secretId: string): Promise<void> => {
      await tryAws('secretsmanager', ['ResourceNotFoundException', 'InvalidRequestException'], () =>
        secrets.send(new UntagResourceCommand({ SecretId: secretId, TagKeys: [TAGS.instanceArn] })),
      )
    },

    /** Schedules the secret for deletion; one that is gone or already scheduled is fine. */
    remove: async (secretId: string): Promise<void> => {
      await tryAws('secretsmanager', ['ResourceNotFoundException', 'InvalidRequestException'], () =>
        secrets.send(new DeleteSecretCommand({ SecretId: secretId, RecoveryWindowInDays: SECRET_RECOVERY_DAYS })),
      )
    },
  }
}

export type CredentialVault = ReturnType<typeof createCredentialVault>
