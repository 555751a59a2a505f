import * as z from 'zod'
import { Secret } from '../core/secret.ts'

/** The steps an instance reports while it boots, in order; `ready` ends them. */
export const BootStep = z.enum(['started', 'enrolled', 'credentials_read', 'agent_started', 'ready'])
export type BootStep = z.infer<typeof BootStep>

/** What an instance's proof must be made for. The instances' role may ask for no other. */
export const proofAudience = (siteOrigin: string): string => `vestibule ${siteOrigin}`

const InstanceProof = z
  .string()
  .min(1)
  .max(4096)
  .transform((text) => new Secret(text))

/** `proof` is the JWT of STS GetWebIdentityToken for our audience (AWS STS API reference). */
export const EnrollInput = z.strictObject({ proof: InstanceProof })
export const HeartbeatInput = z.strictObject({
  proof: InstanceProof,
  bootStep: BootStep.optional(),
  runtimeHash: z.string().regex(/^[0-9a-f]{64}$/),
})
export const Enrolled = z.strictObject({ agentId: z.string(), heartbeatSeconds: z.int() })
export const HeartbeatAnswer = z.strictObject({ continue: z.boolean() })
