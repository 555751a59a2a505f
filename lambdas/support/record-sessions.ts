import type { Agent } from '../agents/agent.ts'
import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import type { AuditDetail } from '../audit/chain.ts'
import type { SupportSessionReport } from '../contract/instance.ts'
import type { CertificateStore, IssuedSerial } from './certificate-store.aws.ts'

export interface RecordSessionsDeps {
  certificates: CertificateStore
  audit: AuditTrail
}

/** A serial that we never issued is told as what it is. */
const detailOf = (certificate: IssuedSerial | null): AuditDetail =>
  certificate === null
    ? { known: false }
    : {
        known: true,
        engineerId: certificate.engineerId,
        reason: certificate.reason,
        until: certificate.validUntil,
      }

/**
 * Writes what a machine tells of support sessions into its tenant's own trail: each report once, however often it comes.
 * The machine is who says so, and `at` is its own word; who may have been behind the certificate is ours. Throws when a
 * report cannot be kept, so that the machine tells it again.
 */
export const recordSessions = async (
  deps: RecordSessionsDeps,
  input: {
    agent: Pick<Agent, 'tenantId' | 'agentId' | 'instance'>
    reports: readonly SupportSessionReport[]
    requestId: string
  },
): Promise<void> => {
  const { tenantId, agentId, instance } = input.agent
  for (const { id, event, serial, at } of input.reports) {
    const certificate = await deps.certificates.read(agentId, serial)
    await deps.audit.commit<'told_before'>({
      chain: tenantId,
      event: {
        actor: { kind: 'agent', id: agentId },
        action: event === 'opened' ? 'support.session_opened' : 'support.session_closed',
        target: agentId,
        detail: {
          requestId: input.requestId,
          instanceId: instance?.id ?? '',
          serial,
          at: new Date(at).toISOString(),
          ...detailOf(certificate),
        },
      },
      steps: () => [{ refusal: 'told_before', action: deps.certificates.putReportStep(agentId, id) }],
    })
  }
}
