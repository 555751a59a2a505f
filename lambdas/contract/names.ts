import { sha256Hex } from '../core/digest.ts'
import type { AccountId, AgentId, ApiTokenId, InviteId, ProvisionRequestId, SessionId, TenantId } from './ids.ts'
import type { ProvisionVerb } from './provisioning.ts'

/** Every key, name and alias we store under. `docs/storage.md` describes each; a test checks that it names them all. */

export const accountKey = (accountId: AccountId) => ({ pk: `ACCOUNT#${accountId}`, sk: 'ACCOUNT' })
export const sessionKey = (accountId: AccountId, sessionId: SessionId) => ({
  pk: `ACCOUNT#${accountId}`,
  sk: `SESSION#${sessionId}`,
})
export const apiTokenKey = (accountId: AccountId, tokenId: ApiTokenId) => ({
  pk: `ACCOUNT#${accountId}`,
  sk: `TOKEN#${tokenId}`,
})
/** Keyed by digest, so that the table's keys and metrics hold no address. */
export const signInKey = (email: string) => ({ pk: `SIGNIN#${sha256Hex(email)}`, sk: 'SIGNIN' })
export const tenantKey = (tenantId: TenantId) => ({ pk: `TENANT#${tenantId}`, sk: 'TENANT' })
export const inviteKey = (inviteId: InviteId) => ({ pk: `INVITE#${inviteId}`, sk: 'INVITE' })
export const pendingInviteKey = (email: string) => ({ pk: `PENDING#${sha256Hex(email)}`, sk: 'PENDING' })
export const chainHeadKey = (chain: string) => ({ pk: `CHAIN#${chain}`, sk: 'CHAIN' })
export const adminCountKey = { pk: 'ADMINS', sk: 'COUNT' } as const
export const bootstrapKey = { pk: 'BOOTSTRAP', sk: 'BOOTSTRAP' } as const
/** One partition: what waits to be sent is little, and soon gone. */
export const OUTBOX_PARTITION = 'OUTBOX'
export const outboxKey = (inviteId: InviteId) => ({ pk: OUTBOX_PARTITION, sk: `MAIL#${inviteId}` })

export const agentKey = (tenantId: TenantId, agentId: AgentId) => ({
  pk: `TENANT#${tenantId}`,
  sk: `AGENT#${agentId}`,
})
export const agentNameKey = (tenantId: TenantId, name: string) => ({
  pk: `TENANT#${tenantId}`,
  sk: `NAME#${name.toLowerCase()}`,
})
export const idempotencyKey = (tenantId: TenantId, key: string) => ({
  pk: `TENANT#${tenantId}`,
  sk: `IDEMPOTENCY#${sha256Hex(key)}`,
})
export const launchAttemptKey = (agentId: AgentId, attempt: number) => ({
  pk: `AGENT#${agentId}`,
  sk: `ATTEMPT#${String(attempt).padStart(6, '0')}`,
})
export const supportCertificateKey = (agentId: AgentId, serial: string) => ({
  pk: `AGENT#${agentId}`,
  sk: `CERTIFICATE#${serial}`,
})
export const supportReportKey = (agentId: AgentId, reportId: string) => ({
  pk: `AGENT#${agentId}`,
  sk: `REPORT#${reportId}`,
})
export const instanceKey = (instanceId: string) => ({ pk: `INSTANCE#${instanceId}`, sk: 'INSTANCE' })

/** What kinds of things are made at run time, by names and tags of ours, and could be left without an owner. */
export const STRAY_KINDS = ['key', 'secret', 'instance'] as const
export type StrayKind = (typeof STRAY_KINDS)[number]
export const strayPartition = (kind: StrayKind) => `STRAY#${kind}`
export const strayKey = (kind: StrayKind, id: string) => ({ pk: strayPartition(kind), sk: id })

export const limitKey = (kind: string, subject: string, window: number) => ({
  pk: `LIMIT#${kind}#${sha256Hex(subject)}#${window}`,
})
/** One row: whose turn it is to ask EC2 for a machine. Beside `LIMIT#`, which functions that answer strangers may write. */
export const launchPaceKey = { pk: 'PACE#LAUNCH' } as const
/** One row: when each kind of stray was last looked for. */
export const straySweepKey = { pk: 'PACE#STRAYS' } as const
export const proofKey = (jti: string) => ({ pk: `PROOF#${sha256Hex(jti)}` })

/** Padded, so that texts sort as the numbers do. */
const sequenceText = (sequence: number): string => String(sequence).padStart(12, '0')
export const auditKey = (chain: string, sequence: number) => ({ chain, sequence: sequenceText(sequence) })

/** One partition: it lists every chain that there is. */
export const ARCHIVE_PARTITION = 'ARCHIVE'
export const archiveCursorKey = (chain: string) => ({ pk: ARCHIVE_PARTITION, sk: `CHAIN#${chain}` })
/** Up to when the index of all chains was looked through for new ones. */
export const archiveSeenKey = { pk: ARCHIVE_PARTITION, sk: 'SEEN' } as const
/** By its first event alone: of all who would write what follows an event, S3 takes one. */
export const auditSegmentName = (from: number): string => `${sequenceText(from)}.jsonl`
export const AUDIT_SEGMENTS_PREFIX = 'audit/'
export const auditSegmentKey = (chain: string, from: number): string =>
  `${AUDIT_SEGMENTS_PREFIX}${chain}/${auditSegmentName(from)}`

/** What the names of all agents' secrets begin with, or of one tenant's. */
export const agentSecretPrefix = (stage: string, tenantId?: TenantId) =>
  `vestibule/${stage}/tenant/${tenantId === undefined ? '' : `${tenantId}/`}`
export const agentSecretName = (stage: string, tenantId: TenantId, agentId: AgentId) =>
  `${agentSecretPrefix(stage, tenantId)}agent/${agentId}`
export const tenantKeyAlias = (stage: string, tenantId: TenantId) => `alias/vestibule/${stage}/tenant/${tenantId}`
/** What binds a sealed invite link to its invite; the policies of both sides pin the purpose. */
export const inviteMailContext = (stage: string, inviteId: InviteId) => ({
  purpose: INVITE_MAIL_PURPOSE,
  stage,
  inviteId,
})
export const INVITE_MAIL_PURPOSE = 'invite-mail'
/** What the keys of one verb begin with: by it a request finds its queue. */
export const provisionRequestPrefix = (verb: ProvisionVerb) => `requests/${verb}/`
export const provisionRequestKey = (
  verb: ProvisionVerb,
  tenantId: TenantId,
  agentId: AgentId,
  requestId: ProvisionRequestId,
) => `${provisionRequestPrefix(verb)}${tenantId}/${agentId}/${requestId}.json`

/** The chain that holds what no tenant owns: staff, strangers, the operator. */
export const PLATFORM_CHAIN = 'platform'

/** Index of the directory table: lists of invites, tenants and staff, newest first. */
export const LISTED_INDEX = 'listed'
/** Index of the agents table: agents that the reconciler is to look at, by when; apart, those that wait for a launch. */
export const PASSING_INDEX = 'passing'
/** Index of the agents table: agents whose tenants allow support access, by when they were made. */
export const SUPPORT_INDEX = 'support'
/** Index of the audit table: all chains by time. */
export const AUDIT_TIME_INDEX = 'by-time'
