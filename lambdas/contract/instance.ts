import * as z from 'zod/mini'
import { intoSecret } from './text.ts'

/** The steps an instance reports while it boots, in order; `ready` ends them. */
export const BootStep = z.enum(['started', 'enrolled', 'credentials_read', 'agent_started', 'ready'])
export type BootStep = z.infer<typeof BootStep>

/** What an instance's proof must be made for. The instances' role may ask for no other. */
export const proofAudience = (siteOrigin: string): string => `vestibule ${siteOrigin}`

const InstanceProof = z.pipe(z.string().check(z.minLength(1), z.maxLength(4096)), intoSecret)

/** `proof` is the JWT of STS GetWebIdentityToken for our audience (AWS STS API reference). */
export const EnrollInput = z.strictObject({ proof: InstanceProof })
export const HeartbeatInput = z.strictObject({
  proof: InstanceProof,
  bootStep: z.optional(BootStep),
  runtimeHash: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
})
export const Enrolled = z.strictObject({ agentId: z.string(), heartbeatSeconds: z.int() })
export const HeartbeatAnswer = z.strictObject({ continue: z.boolean() })
