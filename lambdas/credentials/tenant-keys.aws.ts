import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  EnableKeyRotationCommand,
  type KMSClient,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import { callAws, DependencyError, tryAws } from '../aws/errors.aws.ts'
import { TENANT_KEY_DELETION_DAYS } from '../contract/facts.ts'
import type { TenantId } from '../contract/ids.ts'
import { tenantKeyAlias } from '../contract/names.ts'
import { TAGS } from '../contract/tags.ts'
import { type KeyPlace, tenantKeyPolicy } from './tenant-key-policy.ts'

/**
 * One key per tenant. CreateKey has no idempotency token, so the alias, which is unique, is the lock: whoever finds it taken
 * schedules the key it just made for deletion and uses the one behind the alias.
 */
export const createTenantKeys = (deps: { kms: KMSClient; place: KeyPlace }) => {
  const { kms, place } = deps

  const find = async (alias: string): Promise<string | null> => {
    const found = await tryAws('kms', ['NotFoundException'], () => kms.send(new DescribeKeyCommand({ KeyId: alias })))
    return found.ok ? (found.value.KeyMetadata?.Arn ?? null) : null
  }

  return {
    /** The ARN of the tenant's key, made when there is none. */
    ensure: async (tenantId: TenantId): Promise<string> => {
      const alias = tenantKeyAlias(place.stage, tenantId)
      const existing = await find(alias)
      if (existing !== null) return existing
      const created = await callAws('kms', () =>
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
      const { KeyId: keyId, Arn: arn = '' } = created.KeyMetadata ?? {}
      await callAws('kms', () => kms.send(new EnableKeyRotationCommand({ KeyId: keyId })))
      const named = await tryAws('kms', ['AlreadyExistsException'], () =>
        kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: keyId })),
      )
      if (named.ok) return arn
      const winner = await find(alias)
      if (winner === null) throw new DependencyError('kms', 'unavailable', new Error('alias is taken but not readable'))
      // Ours all the same where the answer to an earlier try was lost: to end it would end the tenant's own key.
      if (winner === arn) return arn
      // A fresh tag may take minutes to count (AWS KMS, "Using tags to control access"): a key that is refused stays behind
      // without an alias, and the runbook says how to find it.
      await tryAws('kms', ['AccessDeniedException'], () =>
        kms.send(new ScheduleKeyDeletionCommand({ KeyId: keyId, PendingWindowInDays: TENANT_KEY_DELETION_DAYS })),
      )
      return winner
    },
  }
}

export type TenantKeys = ReturnType<typeof createTenantKeys>
