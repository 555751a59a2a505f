import {
  CreateAliasCommand,
  EnableKeyRotationCommand,
  type KMSClient,
  PutKeyPolicyCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms'
import { DescribeSecretCommand, type SecretsManagerClient, UpdateSecretCommand } from '@aws-sdk/client-secrets-manager'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import { FRESH_KEY_SECONDS } from '../contract/facts.ts'
import type { TenantId } from '../contract/ids.ts'
import { tenantKeyAlias } from '../contract/names.ts'
import { addSeconds, type Clock, type Pause } from '../core/clock.ts'
import { untilVisible } from '../core/until-visible.ts'
import { isKeyTooEarly, isSecretTooEarly } from './key-visibility.ts'
import { type KeyPlace, tenantKeyPolicy } from './tenant-key-policy.ts'
import { findKeyArn, makeTenantKey } from './tenant-keys.aws.ts'
import { readKeyOwner, type UnnamedKeys } from './unnamed-keys.aws.ts'

const hasId = (arn: string, keyId: string): boolean => arn === keyId || arn.endsWith(`/${keyId}`)

/** A tenant whose key is replaced, and every key that its row names. */
export interface KeyHolder {
  tenantId: TenantId
  keyArn: string
  formerKeyArns: readonly string[]
}

/** The stage and the key's own ARN say where a tenant's keys are. */
const placeOf = (stage: string, keyArn: string): KeyPlace => {
  const [, , , region = '', accountId = ''] = keyArn.split(':')
  return { stage, region, accountId }
}

/** What AWS is asked when a tenant gets another key. All of it can be asked again and does no harm then. */
export const createTenantKeyReplacement = (deps: {
  kms: KMSClient
  secrets: SecretsManagerClient
  unnamedKeys: Pick<UnnamedKeys, 'list'>
  stage: string
  clock: Clock
  pause: Pause
}) => {
  const { kms, secrets, unnamedKeys, stage, clock } = deps

  const askKms = async (call: () => Promise<unknown>): Promise<void> => {
    const until = addSeconds(clock.now(), FRESH_KEY_SECONDS)
    await callAws('kms', () => untilVisible(deps, until, isKeyTooEarly, call))
  }

  /** Keys made by an older version do not let their alias be moved, and do not let Secrets Manager seal anew under them. */
  const setPolicy = ({ tenantId, keyArn }: KeyHolder, KeyId: string): Promise<void> => {
    const Policy = tenantKeyPolicy(placeOf(stage, keyArn), tenantId)
    return askKms(() => kms.send(new PutKeyPolicyCommand({ KeyId, Policy })))
  }

  const findAliased = ({ tenantId }: KeyHolder): Promise<string | null> =>
    findKeyArn(kms, tenantKeyAlias(stage, tenantId))

  const isInRow = ({ keyArn, formerKeyArns }: KeyHolder, keyId: string): boolean =>
    [keyArn, ...formerKeyArns].some((arn) => hasId(arn, keyId))

  /** CreateKey has no idempotency token: a key that a run made before it was cut off is found by its tags. */
  const findLeft = async (holder: KeyHolder): Promise<string | null> => {
    for await (const keys of unnamedKeys.list()) {
      const left = keys.find(({ tenantId, keyId }) => tenantId === holder.tenantId && !isInRow(holder, keyId))
      if (left !== undefined) return findKeyArn(kms, left.keyId)
    }
    return null
  }

  return {
    /**
     * The key that the alias was pointed at by hand and that the row does not know; null where there is none, or where it does
     * not carry this tenant's tags: who may move an alias must not be able to give a tenant a key of their own.
     */
    findSwapped: async (holder: KeyHolder): Promise<string | null> => {
      const aliased = await findAliased(holder)
      if (aliased === null || isInRow(holder, aliased)) return null
      return (await readKeyOwner(kms, stage, aliased)) === holder.tenantId ? aliased : null
    },

    /** A key to go on with, its policy set and its yearly rotation on: the one given, one that was left, or a new one. */
    prepare: async (holder: KeyHolder, given: string | null): Promise<string> => {
      const { tenantId, keyArn } = holder
      const arn = given ?? (await findLeft(holder)) ?? (await makeTenantKey(kms, placeOf(stage, keyArn), tenantId)).arn
      await setPolicy(holder, arn)
      await askKms(() => kms.send(new EnableKeyRotationCommand({ KeyId: arn })))
      return arn
    },

    /** Lets the alias lead to the key that the row names. False when it did. */
    moveAlias: async (holder: KeyHolder): Promise<boolean> => {
      const { tenantId, keyArn: TargetKeyId } = holder
      const AliasName = tenantKeyAlias(stage, tenantId)
      const aliased = await findAliased(holder)
      if (aliased === TargetKeyId) return false
      if (aliased === null) await askKms(() => kms.send(new CreateAliasCommand({ AliasName, TargetKeyId })))
      else {
        if (isInRow(holder, aliased)) await setPolicy(holder, aliased)
        await askKms(() => kms.send(new UpdateAliasCommand({ AliasName, TargetKeyId })))
      }
      return true
    },

    /**
     * Gives a secret the key: the versions with a label are sealed anew, and those to come lie under it (Secrets Manager API
     * reference, UpdateSecret). False when it had the key, or there is no such secret.
     */
    moveSecret: async (secretId: string, keyArn: string): Promise<boolean> => {
      const found = await tryAws('secretsmanager', ['ResourceNotFoundException'], () =>
        secrets.send(new DescribeSecretCommand({ SecretId: secretId })),
      )
      if (!found.ok || found.value.DeletedDate !== undefined || hasId(keyArn, found.value.KmsKeyId ?? '')) return false
      const until = addSeconds(clock.now(), FRESH_KEY_SECONDS)
      const moved = await tryAws('secretsmanager', ['ResourceNotFoundException', 'InvalidRequestException'], () =>
        untilVisible(deps, until, isSecretTooEarly, () =>
          secrets.send(new UpdateSecretCommand({ SecretId: secretId, KmsKeyId: keyArn })),
        ),
      )
      return moved.ok
    },
  }
}

export type TenantKeyReplacement = ReturnType<typeof createTenantKeyReplacement>
