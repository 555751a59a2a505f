import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  EnableKeyRotationCommand,
  type KMSClient,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import { callAws, DependencyError, tryAws } from '../aws/errors.aws.ts'
import { FRESH_KEY_SECONDS, TENANT_KEY_DELETION_DAYS } from '../contract/facts.ts'
import type { TenantId } from '../contract/ids.ts'
import { tenantKeyAlias } from '../contract/names.ts'
import { TAGS } from '../contract/tags.ts'
import { addSeconds, type Clock, type Pause } from '../core/clock.ts'
import { untilVisible } from '../core/until-visible.ts'
import { isKeyTooEarly } from './key-visibility.ts'
import { type KeyPlace, tenantKeyPolicy } from './tenant-key-policy.ts'

export interface TenantKey {
  arn: string
  /** Until then AWS may not know the key everywhere yet. */
  freshUntil: Date
}

/** The key that an alias, or an id, leads to; null where there is none. */
export const findKey = async (kms: KMSClient, KeyId: string): Promise<{ arn: string; madeAt: Date } | null> => {
  const found = await tryAws('kms', ['NotFoundException'], () => kms.send(new DescribeKeyCommand({ KeyId })))
  const { Arn: arn, CreationDate: madeAt = new Date(0) } = (found.ok ? found.value.KeyMetadata : undefined) ?? {}
  return arn === undefined ? null : { arn, madeAt }
}

export const findKeyArn = async (kms: KMSClient, keyId: string): Promise<string | null> =>
  (await findKey(kms, keyId))?.arn ?? null

/** Makes a key that is the tenant's by its policy and tags, and has no name yet. */
export const makeTenantKey = async (
  kms: KMSClient,
  place: KeyPlace,
  tenantId: TenantId,
): Promise<{ keyId: string; arn: string }> => {
  const { KeyMetadata } = await callAws('kms', () =>
    kms.send(
      new CreateKeyCommand({
        Description: `Vestibule ${place.stage}: credentials of ${tenantId}`,
        Policy: tenantKeyPolicy(place, tenantId),
        // The policy leaves the account in charge and us without the right to change it: that is not a lock-out.
        BypassPolicyLockoutSafetyCheck: true,
        Tags: [
          { TagKey: TAGS.stage, TagValue: place.stage },
          { TagKey: TAGS.tenant, TagValue: tenantId },
        ],
      }),
    ),
  )
  return { keyId: KeyMetadata?.KeyId ?? '', arn: KeyMetadata?.Arn ?? '' }
}

/**
 * One key per tenant. CreateKey has no idempotency token, so the alias, which is unique, is the lock: whoever finds it taken
 * schedules the key it just made for deletion and uses the one behind the alias. A key gets its name first: without one it is a
 * stray, and rotation is turned on again by whoever finds the name.
 */
export const createTenantKeys = (deps: { kms: KMSClient; place: KeyPlace; clock: Clock; pause: Pause }) => {
  const { kms, place, clock } = deps

  /** The ARN behind the alias: the new key's, or that of whoever was first, and then the new one is ended. */
  const nameOrYield = async (alias: string, key: { keyId: string; arn: string }, until: Date): Promise<string> => {
    const named = await tryAws('kms', ['AlreadyExistsException'], () =>
      untilVisible(deps, until, isKeyTooEarly, () =>
        kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: key.keyId })),
      ),
    )
    if (named.ok) return key.arn
    const winner = await findKeyArn(kms, alias)
    if (winner === null) throw new DependencyError('kms', 'unavailable', new Error('alias is taken but not readable'))
    // Ours all the same where the answer to an earlier try was lost: to end it would end the tenant's own key.
    if (winner === key.arn) return winner
    // A fresh tag may take minutes to count (AWS KMS, "Using tags to control access"): a key that is refused stays behind
    // without an alias, and the runbook says how to find it.
    await tryAws('kms', ['AccessDeniedException'], () =>
      kms.send(new ScheduleKeyDeletionCommand({ KeyId: key.keyId, PendingWindowInDays: TENANT_KEY_DELETION_DAYS })),
    )
    return winner
  }

  return {
    /** The tenant's key, made when there is none, with its yearly rotation on. */
    ensure: async (tenantId: TenantId): Promise<TenantKey> => {
      const alias = tenantKeyAlias(place.stage, tenantId)
      const existing = await findKey(kms, alias)
      const until = addSeconds(existing?.madeAt ?? clock.now(), FRESH_KEY_SECONDS)
      const arn = existing?.arn ?? (await nameOrYield(alias, await makeTenantKey(kms, place, tenantId), until))
      await callAws('kms', () =>
        untilVisible(deps, until, isKeyTooEarly, () => kms.send(new EnableKeyRotationCommand({ KeyId: arn }))),
      )
      return { arn, freshUntil: until }
    },
  }
}

export type TenantKeys = ReturnType<typeof createTenantKeys>
