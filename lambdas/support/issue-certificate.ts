import type { AgentStore } from '../agents/agent-store.aws.ts'
import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import type { AgentStatus } from '../contract/agents.ts'
import { SUPPORT_CLOCK_SKEW_SECONDS } from '../contract/facts.ts'
import { type SupportCertificateInput, supportPrincipal } from '../contract/support.ts'
import { addSeconds, type Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Limiter, RateLimited } from '../limits/limiter.aws.ts'
import { actorOf, type Principal } from '../sessions/principal.ts'
import type { CertificateStore } from './certificate-store.aws.ts'
import { certificateLine, type CertificateRequest, toBeSigned } from './ssh-certificate.ts'
import { readPublicKey } from './ssh-wire.ts'
import type { SupportCa } from './support-ca.aws.ts'

export interface IssueCertificateDeps {
  agents: AgentStore
  certificates: CertificateStore
  ca: SupportCa
  limiter: Limiter
  audit: AuditTrail
  clock: Clock
  random: Random
  stage: string
}

export type IssueCertificateFailure =
  | RateLimited
  | { reason: 'key_unusable' }
  | { reason: 'agent_unknown' }
  | { reason: 'support_access_off' }
  | { reason: 'wrong_state'; status: AgentStatus }

export interface IssuedCertificate {
  certificate: string
  principal: string
  instanceId: string
  validUntil: Date
}

/**
 * Signs a certificate for one agent, for minutes, without forwarding. The event in the tenant's own trail, with who, why and
 * until when, is written on condition that the tenant still allows support; only then is the certificate handed out.
 */
export const issueCertificate = async (
  deps: IssueCertificateDeps,
  input: SupportCertificateInput & { principal: Principal; requestId: string },
): Promise<Result<IssuedCertificate, IssueCertificateFailure>> => {
  const { principal: engineer, agentId, requestId } = input
  const taken = await deps.limiter.take('certificate', engineer.account.accountId)
  if (!taken.ok) return taken
  const key = readPublicKey(input.publicKey)
  if (!key.ok) return key
  const agent = await deps.agents.findById(agentId)
  if (agent === null || agent.status === 'deleted') return fail({ reason: 'agent_unknown' })
  if (!agent.supportAccess) return fail({ reason: 'support_access_off' })
  const isUp = agent.status === 'booting' || agent.status === 'ready'
  if (agent.instance === undefined || !agent.supportPathOpen || !isUp) {
    return fail({ reason: 'wrong_state', status: agent.status })
  }

  const now = deps.clock.now()
  const validBefore = addSeconds(now, input.minutes * 60)
  const request: CertificateRequest = {
    key: key.value,
    nonce: deps.random.bytes(32),
    serial: Buffer.from(deps.random.bytes(8)).readBigUInt64BE(),
    keyId: `vestibule/${deps.stage}/${engineer.account.accountId}/${requestId}/${agentId}`,
    principal: supportPrincipal(agentId),
    validAfter: addSeconds(now, -SUPPORT_CLOCK_SKEW_SECONDS),
    validBefore,
    caPoint: await deps.ca.publicPoint(),
  }
  const certificate = certificateLine(request, await deps.ca.sign(toBeSigned(request)))
  const serial = request.serial.toString()
  const until = validBefore.toISOString()
  const committed = await deps.audit.commit<'support_access_off'>({
    chain: agent.tenantId,
    event: {
      actor: actorOf(engineer),
      action: 'support.certificate_issued',
      target: agentId,
      detail: {
        requestId,
        reason: input.reason,
        until,
        serial,
        instanceId: agent.instance.id,
      },
    },
    // The certificate is written down, so that the session that it opens can be told with who and why.
    steps: () =>
      [
        deps.agents.checkSupportedStep(agent),
        deps.certificates.putStep({
          agentId,
          serial,
          engineerId: engineer.account.accountId,
          reason: input.reason,
          validUntil: until,
        }),
      ].map((action) => ({ refusal: 'support_access_off', action })),
  })
  if (!committed.ok) return committed
  return ok({ certificate, principal: request.principal, instanceId: agent.instance.id, validUntil: validBefore })
}
