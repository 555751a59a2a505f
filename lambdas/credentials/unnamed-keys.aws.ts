import {
  DescribeKeyCommand,
  type KMSClient,
  ListAliasesCommand,
  ListKeysCommand,
  ListResourceTagsCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import { TENANT_KEY_DELETION_DAYS } from '../contract/facts.ts'
import { TenantId } from '../contract/ids.ts'
import { TAGS } from '../contract/tags.ts'

/** A tenant's key by its tags, made by us at this stage, that no alias leads to. */
export interface UnnamedKey {
  keyId: string
  tenantId: TenantId
  madeAt: Date
}

const KEYS_PER_PAGE = 1_000
const ALIASES_PER_PAGE = 100

/** Keys of others in the account may have no alias either: each costs a look at its tags, so many go at once. */
const LOOKS_AT_A_TIME = 10

/** Whose key it is by its tags. Null for one that is somebody else's: without our tags, or one that its own policy keeps from us. */
export const readKeyOwner = async (kms: KMSClient, stage: string, keyId: string): Promise<TenantId | null> => {
  const listed = await tryAws('kms', ['AccessDeniedException', 'NotFoundException'], () =>
    kms.send(new ListResourceTagsCommand({ KeyId: keyId })),
  )
  if (!listed.ok) return null
  const tags = new Map(listed.value.Tags?.map(({ TagKey, TagValue }) => [TagKey, TagValue]))
  if (tags.get(TAGS.stage) !== stage) return null
  return TenantId.safeParse(tags.get(TAGS.tenant)).data ?? null
}

/** The keys that CreateKey made and nobody named. KMS finds no key by its tag, so they are what is left of all keys. */
export const createUnnamedKeys = (deps: { kms: KMSClient; stage: string }) => {
  const { kms, stage } = deps

  const look = async (keyId: string): Promise<UnnamedKey[]> => {
    const tenantId = await readKeyOwner(kms, stage, keyId)
    if (tenantId === null) return []
    const { KeyMetadata } = await callAws('kms', () => kms.send(new DescribeKeyCommand({ KeyId: keyId })))
    // A key that is disabled was taken in hand by a person; one that is to be deleted has been ended.
    if (KeyMetadata?.KeyState !== 'Enabled' || KeyMetadata.CreationDate === undefined) return []
    return [{ keyId, tenantId, madeAt: KeyMetadata.CreationDate }]
  }

  const listKeyIds = async function* (): AsyncGenerator<string[]> {
    let Marker: string | undefined
    do {
      const page = await callAws('kms', () => kms.send(new ListKeysCommand({ Limit: KEYS_PER_PAGE, Marker })))
      yield (page.Keys ?? []).map(({ KeyId = '' }) => KeyId)
      Marker = page.NextMarker
    } while (Marker !== undefined)
  }

  const listTargets = async function* (): AsyncGenerator<string[]> {
    let Marker: string | undefined
    do {
      const page = await callAws('kms', () => kms.send(new ListAliasesCommand({ Limit: ALIASES_PER_PAGE, Marker })))
      yield (page.Aliases ?? []).map(({ TargetKeyId = '' }) => TargetKeyId)
      Marker = page.NextMarker
    } while (Marker !== undefined)
  }

  return {
    /** All of them, a few at a time; a page may be empty. Keys come before aliases: one that is named meanwhile is named. */
    list: async function* (): AsyncGenerator<UnnamedKey[]> {
      const unnamed = new Set<string>()
      for await (const page of listKeyIds()) {
        for (const keyId of page) unnamed.add(keyId)
        yield []
      }
      for await (const page of listTargets()) {
        for (const keyId of page) unnamed.delete(keyId)
        yield []
      }
      const left = [...unnamed]
      for (let from = 0; from < left.length; from += LOOKS_AT_A_TIME) {
        yield (await Promise.all(left.slice(from, from + LOOKS_AT_A_TIME).map(look))).flat()
      }
    },

    isNamed: async (keyId: string): Promise<boolean> => {
      const { Aliases = [] } = await callAws('kms', () => kms.send(new ListAliasesCommand({ KeyId: keyId })))
      return Aliases.length > 0
    },

    /** Schedules the key for deletion; one that is gone or already scheduled is fine. */
    end: async (keyId: string): Promise<void> => {
      await tryAws('kms', ['NotFoundException', 'KMSInvalidStateException'], () =>
        kms.send(new ScheduleKeyDeletionCommand({ KeyId: keyId, PendingWindowInDays: TENANT_KEY_DELETION_DAYS })),
      )
    },
  }
}

export type UnnamedKeys = ReturnType<typeof createUnnamedKeys>
