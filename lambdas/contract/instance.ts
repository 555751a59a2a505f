import * as z from 'zod/mini'
import { Instant, intoSecret } from './text.ts'

/** The steps an instance reports while it boots, in order; `ready` ends them. */
export const BootStep = z.enum(['started', 'enrolled', 'credentials_read', 'agent_started', 'ready'])
export type BootStep = z.infer<typeof BootStep>

/** What an agent has to do without, as its machine tells it. The site has a sentence for each. */
export const AgentNotice = z.enum(['claude_missing', 'git_missing', 'gh_missing', 'slack_refused'])
export type AgentNotice = z.infer<typeof AgentNotice>

/** What an instance's proof must be made for. The instances' role may ask for no other. */
export const proofAudience = (siteOrigin: string): string => `vestibule ${siteOrigin}`

const InstanceProof = z.pipe(z.string().check(z.minLength(1), z.maxLength(4096)), intoSecret)

const Sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/))

/** A support session as the machine's sshd logged it: which certificate opened it, and that it began or ended. */
export const SupportSessionReport = z.strictObject({
  /** The same whenever this is told again. */
  id: Sha256,
  event: z.enum(['opened', 'closed']),
  /** The serial number of the certificate, as decimal digits (OpenSSH, PROTOCOL.certkeys). */
  serial: z.string().check(z.regex(/^\d{1,20}$/)),
  at: Instant,
})
export type SupportSessionReport = z.infer<typeof SupportSessionReport>

/** `proof` is the JWT of STS GetWebIdentityToken for our audience (AWS STS API reference). */
export const EnrollInput = z.strictObject({ proof: InstanceProof })
export const HeartbeatInput = z.strictObject({
  proof: InstanceProof,
  bootStep: z.optional(BootStep),
  /** The release that is installed, as its files are now: anything changed, added or removed changes it. */
  runtimeHash: Sha256,
  notices: z.optional(z.array(AgentNotice).check(z.maxLength(8))),
  supportSessions: z.optional(z.array(SupportSessionReport).check(z.maxLength(20))),
})
export const Enrolled = z.strictObject({ agentId: z.string(), heartbeatSeconds: z.int() })
export const HeartbeatAnswer = z.strictObject({
  /** False: finish what is under way and take nothing new. */
  continue: z.boolean(),
  /** The version of the secret to run with; absent while nothing is stored. */
  credentialsVersion: z.optional(z.string()),
  /** Whether support may log in, and whom to trust as its CA: lines for sshd's TrustedUserCAKeys, empty when it may not. */
  support: z.strictObject({ allowed: z.boolean(), trustedCas: z.array(z.string()) }),
})
export type HeartbeatAnswer = z.infer<typeof HeartbeatAnswer>

/** What a machine reads before it knows anything else: ids, addresses and names. No secret, nothing that a person typed. */
export const Instructions = z.strictObject({
  agentId: z.string(),
  apiUrl: z.string(),
  proofAudience: z.string(),
  region: z.string(),
  /** The name of the one secret that the machine may read. */
  secretId: z.string(),
  /** The release to install: the SHA-256 of its signed list. */
  release: Sha256,
})
export type Instructions = z.infer<typeof Instructions>
