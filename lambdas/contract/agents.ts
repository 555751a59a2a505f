import * as z from 'zod'
import { Secret } from '../core/secret.ts'
import { CREDENTIAL_KINDS, credentialRule, type CredentialKind, MODEL_CREDENTIAL_KINDS } from './credential-kinds.ts'
import { CREDENTIAL_MAX_CHARACTERS } from './facts.ts'
import { AgentId, TenantId } from './ids.ts'
import { AgentName, Instant } from './text.ts'

export const AgentStatus = z.enum([
  'requested',
  'launching',
  'booting',
  'ready',
  'stopping',
  'stopped',
  'starting',
  'deleting',
  'deleted',
  'failed',
])
export type AgentStatus = z.infer<typeof AgentStatus>

const CredentialState = z.strictObject({
  provided: z.boolean(),
  updatedAt: Instant.optional(),
  updatedBy: z.string().optional(),
})

export const AgentReason = z.strictObject({ code: z.string(), message: z.string(), nextStep: z.string() })
export type AgentReason = z.infer<typeof AgentReason>

export const AgentBody = z.strictObject({
  id: AgentId,
  name: z.string(),
  status: AgentStatus,
  reason: AgentReason.optional(),
  supportAccess: z.boolean(),
  credentials: z.strictObject({
    claudeCodeToken: CredentialState,
    anthropicApiKey: CredentialState,
    githubToken: CredentialState,
    slackBotToken: CredentialState,
    slackAppToken: CredentialState,
  }),
  instance: z.strictObject({ id: z.string(), type: z.string(), zone: z.string(), launchedAt: Instant }).optional(),
  bootStep: z.string().optional(),
  lastSeenAt: Instant.optional(),
  timeline: z.array(z.strictObject({ status: AgentStatus, at: Instant })),
  createdAt: Instant,
  updatedAt: Instant,
})
export type AgentBody = z.infer<typeof AgentBody>

export const AgentAnswer = z.strictObject({ agent: AgentBody })
export const AgentList = z.strictObject({ agents: z.array(AgentBody), nextCursor: z.string().optional() })

/** What a support engineer sees of an agent: where it is, not what it was given. */
export const SupportAgentBody = z.strictObject({
  id: AgentId,
  tenantId: TenantId,
  name: z.string(),
  status: AgentStatus,
  instanceId: z.string().optional(),
  updatedAt: Instant,
})
export const SupportAgentList = z.strictObject({
  agents: z.array(SupportAgentBody),
  nextCursor: z.string().optional(),
})

const credentialOf = (kind: CredentialKind) =>
  z
    .string()
    .max(CREDENTIAL_MAX_CHARACTERS)
    .superRefine((text, context) => {
      const rule = credentialRule(kind, text)
      if (rule !== null) context.addIssue({ code: 'custom', message: rule })
    })
    .transform((text) => new Secret(text))

const givenCredentials = {
  claudeCodeToken: credentialOf('claudeCodeToken').optional(),
  anthropicApiKey: credentialOf('anthropicApiKey').optional(),
  githubToken: credentialOf('githubToken').optional(),
  slackBotToken: credentialOf('slackBotToken').optional(),
  slackAppToken: credentialOf('slackAppToken').optional(),
}

/** The credentials of a new agent: at least one that its model can use. */
export const GivenCredentials = z
  .strictObject(givenCredentials)
  .refine((given) => MODEL_CREDENTIAL_KINDS.some((kind) => given[kind] !== undefined), {
    message: 'model_credential_required',
  })
export type GivenCredentials = z.infer<typeof GivenCredentials>

/** A change to stored credentials: a value replaces, null removes, an absent kind stays as it is. */
export const CredentialPatch = z
  .strictObject({
    claudeCodeToken: credentialOf('claudeCodeToken').nullable().optional(),
    anthropicApiKey: credentialOf('anthropicApiKey').nullable().optional(),
    githubToken: credentialOf('githubToken').nullable().optional(),
    slackBotToken: credentialOf('slackBotToken').nullable().optional(),
    slackAppToken: credentialOf('slackAppToken').nullable().optional(),
  })
  .refine((patch) => CREDENTIAL_KINDS.some((kind) => patch[kind] !== undefined), { message: 'nothing_to_change' })
export type CredentialPatch = z.infer<typeof CredentialPatch>

export const OnboardAgentInput = z.strictObject({
  name: AgentName,
  credentials: GivenCredentials,
  supportAccess: z.boolean().default(true),
})
export type OnboardAgentInput = z.infer<typeof OnboardAgentInput>

export const SupportAccessInput = z.strictObject({ enabled: z.boolean() })
