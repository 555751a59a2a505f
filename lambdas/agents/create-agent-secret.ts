import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import type { AgentId } from '../contract/ids.ts'
import { agentSecretName } from '../contract/names.ts'
import { TAGS } from '../contract/tags.ts'
import type { Clock, Pause } from '../core/clock.ts'
import type { Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import { untilVisible } from '../core/until-visible.ts'
import type { CredentialVault, VaultFailure, VaultState } from '../credentials/credential-vault.aws.ts'
import { isSecretTooEarly } from '../credentials/key-visibility.ts'
import type { TenantKey, TenantKeys } from '../credentials/tenant-keys.aws.ts'
import type { Tenant } from '../sessions/principal.ts'

export interface AgentSecretDeps {
  tenants: Pick<TenantStore, 'rememberKey'>
  tenantKeys: TenantKeys
  vault: Pick<CredentialVault, 'create'>
  clock: Clock
  pause: Pause
  stage: string
}

const ensureTenantKey = async (deps: AgentSecretDeps, tenant: Tenant): Promise<TenantKey> => {
  if (tenant.keyArn !== undefined) return { arn: tenant.keyArn, freshUntil: deps.clock.now() }
  const key = await deps.tenantKeys.ensure(tenant.tenantId)
  await deps.tenants.rememberKey(tenant.tenantId, key.arn)
  return key
}

/** Stores an agent's first credentials under its tenant's own key, which is made when there is none. */
export const createAgentSecret = async (
  deps: AgentSecretDeps,
  input: {
    tenant: Tenant
    agentId: AgentId
    credentials: ReadonlyMap<string, Secret>
    mergeIds?: readonly string[]
  },
): Promise<Result<VaultState & { existed: boolean }, VaultFailure>> => {
  const { tenant, agentId, credentials, mergeIds } = input
  const key = await ensureTenantKey(deps, tenant)
  return untilVisible(deps, key.freshUntil, isSecretTooEarly, () =>
    deps.vault.create({
      secretId: agentSecretName(deps.stage, tenant.tenantId, agentId),
      keyArn: key.arn,
      tags: { [TAGS.stage]: deps.stage, [TAGS.tenant]: tenant.tenantId, [TAGS.agent]: agentId },
      credentials,
      mergeIds,
    }),
  )
}
