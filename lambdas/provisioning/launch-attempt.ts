import type { AgentId, TenantId } from '../contract/ids.ts'
import { agentSecretName } from '../contract/names.ts'
import { sha256Hex } from '../core/digest.ts'
import { renderUserData } from './user-data.ts'

/** Pure: no I/O, no clock. */

/** What machines are made of; the same for every agent of an installation. */
export interface LaunchSettings {
  stage: string
  region: string
  launchTemplateId: string
  subnetIds: readonly string[]
  amiId: string
  instanceType: string
  agentSecurityGroupId: string
  supportSecurityGroupId: string
  /** No way in and none out. */
  quarantineSecurityGroupId: string
  /** What new machines install: the SHA-256 of a release's signed list. */
  release: string
  /** The public key that releases are signed for: P-256, SPKI in DER, as base64. */
  releaseKey: string
  /** Where the bucket of releases answers. */
  assetsOrigin: string
  apiUrl: string
  proofAudience: string
}

/**
 * One try at a machine, written down before it is made. Everything that RunInstances is told is frozen here, so that a retry
 * repeats it byte for byte (Amazon EC2, "Ensuring idempotency").
 */
export interface LaunchAttempt {
  agentId: AgentId
  tenantId: TenantId
  attempt: number
  clientToken: string
  launchTemplateId: string
  subnetId: string
  amiId: string
  instanceType: string
  securityGroupIds: string[]
  /** The tenant's own key: its machine's volume is encrypted under it. */
  volumeKeyArn: string
  userData: string
  userDataHash: string
  /** Not in attempts that an older version wrote down. */
  release?: string
  createdAt: string
}

/** At most 64 characters; in one subnet and attempt always the same. */
export const clientTokenOf = (agentId: AgentId, attempt: number, subnetId: string): string =>
  `vst-${sha256Hex(`${agentId}|${attempt}|${subnetId}`).slice(0, 48)}`

/** The subnet of a try: the next one each time, round and round. */
export const freezeAttempt = (
  settings: LaunchSettings,
  agent: { agentId: AgentId; tenantId: TenantId; volumeKeyArn: string },
  attempt: number,
  now: Date,
): LaunchAttempt => {
  const subnetId = settings.subnetIds[(attempt - 1) % settings.subnetIds.length] ?? ''
  const { apiUrl, proofAudience, region, release, assetsOrigin, releaseKey } = settings
  const secretId = agentSecretName(settings.stage, agent.tenantId, agent.agentId)
  const userData = renderUserData({
    ...{ agentId: agent.agentId, apiUrl, proofAudience, region, secretId, release },
    ...{ assetsOrigin, releaseKey },
  })
  return {
    agentId: agent.agentId,
    tenantId: agent.tenantId,
    attempt,
    clientToken: clientTokenOf(agent.agentId, attempt, subnetId),
    launchTemplateId: settings.launchTemplateId,
    subnetId,
    amiId: settings.amiId,
    instanceType: settings.instanceType,
    // Always closed at first: the path is opened afterwards, by the one step that also closes it.
    securityGroupIds: securityGroupsOf(settings, false),
    volumeKeyArn: agent.volumeKeyArn,
    userData,
    userDataHash: sha256Hex(userData),
    release: settings.release,
    createdAt: now.toISOString(),
  }
}

/** The group that support connections may come through is attached only while the tenant allows them. */
export const securityGroupsOf = (
  settings: Pick<LaunchSettings, 'agentSecurityGroupId' | 'supportSecurityGroupId'>,
  supportAccess: boolean,
): string[] =>
  supportAccess ? [settings.agentSecurityGroupId, settings.supportSecurityGroupId] : [settings.agentSecurityGroupId]
