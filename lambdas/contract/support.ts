import * as z from 'zod/mini'
import { SUPPORT_CERTIFICATE_DEFAULT_MINUTES, SUPPORT_CERTIFICATE_MAX_MINUTES } from './facts.ts'
import { AgentId } from './ids.ts'
import { Instant, Reason } from './text.ts'

/** What a support engineer asks for: one agent, one throw-away key, a reason that the tenant will read. */
export const SupportCertificateInput = z.strictObject({
  agentId: AgentId,
  /** One line as in an OpenSSH `.pub` file. */
  publicKey: z.string().check(z.maxLength(1000)),
  reason: Reason,
  minutes: z._default(
    z.int().check(z.minimum(1), z.maximum(SUPPORT_CERTIFICATE_MAX_MINUTES)),
    SUPPORT_CERTIFICATE_DEFAULT_MINUTES,
  ),
})
export type SupportCertificateInput = z.infer<typeof SupportCertificateInput>

export const SupportCertificate = z.strictObject({
  /** One line, to be saved as `<key>-cert.pub`. */
  certificate: z.string(),
  principal: z.string(),
  instanceId: z.string(),
  validUntil: Instant,
})

/** The one user that a certificate for an agent is good for (OpenSSH, AuthorizedPrincipalsFile). */
export const supportPrincipal = (agentId: AgentId): string => `agent-${agentId}`
