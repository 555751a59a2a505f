import type { AccountStore } from '../accounts/account-store.aws.ts'
import type { PasswordHasher } from '../accounts/password-hash.ts'
import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import type { AgentStore } from '../agents/agent-store.aws.ts'
import type { ProvisionRequests } from '../agents/provision-requests.aws.ts'
import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import type { Clock, Pause } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import type { CredentialVault } from '../credentials/credential-vault.aws.ts'
import type { TenantKeys } from '../credentials/tenant-keys.aws.ts'
import type { InviteStore } from '../invites/invite-store.aws.ts'
import type { PostInviteMail } from '../invites/post-invite-mail.ts'
import type { Limiter } from '../limits/limiter.aws.ts'
import type { AttemptStore } from '../provisioning/attempt-store.aws.ts'
import type { ProofVerifier } from '../provisioning/instance-proof.ts'
import type { HeartbeatDeps } from '../provisioning/record-heartbeat.ts'
import type { SessionKeySource } from '../sessions/session-keys.aws.ts'
import type { SessionStore } from '../sessions/session-store.aws.ts'
import type { CertificateStore } from '../support/certificate-store.aws.ts'
import type { SupportCa } from '../support/support-ca.aws.ts'
import type { TokenStore } from '../tokens/token-store.aws.ts'

/** What every route stands on. */
export interface CommonDeps {
  accounts: AccountStore
  tenants: TenantStore
  sessions: SessionStore
  sessionKeys: SessionKeySource
  tokens: TokenStore
  limiter: Limiter
  audit: AuditTrail
  clock: Clock
  random: Random
  logger: Logger
  stage: string
  version: string
  siteOrigin: string
}

export type IdentityDeps = CommonDeps & {
  invites: InviteStore
  passwords: PasswordHasher
  postMail: PostInviteMail | null
}

export type SupportDeps = CommonDeps & { agents: AgentStore; certificates: CertificateStore; ca: SupportCa }

export type AgentsDeps = CommonDeps & {
  agents: AgentStore
  attempts: AttemptStore
  vault: CredentialVault
  tenantKeys: TenantKeys
  pause: Pause
  requests: Pick<ProvisionRequests, 'put'>
  proof: ProofVerifier
  trustedCas: HeartbeatDeps['trustedCas']
  recordSessions: HeartbeatDeps['recordSessions']
  agentsPerTenant: number
}
