import * as z from 'zod/mini'
import { CREDENTIAL_KINDS, credentialRule, type CredentialKind, MODEL_CREDENTIAL_KINDS } from './credential-kinds.ts'
import { CREDENTIAL_MAX_CHARACTERS } from './facts.ts'
import { AgentId, TenantId } from './ids.ts'
import { AgentNotice } from './instance.ts'
import { AgentName, Instant, intoSecret } from './text.ts'

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
  updatedAt: z.optional(Instant),
  updatedBy: z.optional(z.string()),
})

export const AgentReason = z.strictObject({ code: z.string(), message: z.string(), nextStep: z.string() })
export type AgentReason = z.infer<typeof AgentReason>

export const AgentBody = z.strictObject({
  id: AgentId,
  name: z.string(),
  status: AgentStatus,
  reason: z.optional(AgentReason),
  supportAccess: z.boolean(),
  credentials: z.strictObject({
    claudeCodeToken: CredentialState,
    anthropicApiKey: CredentialState,
    githubToken: CredentialState,
    slackBotToken: CredentialState,
    slackAppToken: CredentialState,
  }),
  instance: z.optional(z.strictObject({ id: z.string(), type: z.string(), zone: z.string(), launchedAt: Instant })),
  bootStep: z.optional(z.string()),
  /** What the agent has to do without, as its machine tells it; absent when there is nothing. */
  notices: z.optional(z.array(AgentNotice)),
  lastSeenAt: z.optional(Instant),
  /** A machine that should be heard every half minute and was not for three: since when. */
  unreachableSince: z.optional(Instant),
  /** Since when the machine of a quarantined agent reaches nothing and reads no credentials. */
  isolatedAt: z.optional(Instant),
  timeline: z.array(z.strictObject({ status: AgentStatus, at: Instant })),
  createdAt: Instant,
  updatedAt: Instant,
})
export type AgentBody = z.infer<typeof AgentBody>

export const AgentAnswer = z.strictObject({ agent: AgentBody })
export const AgentList = z.strictObject({ agents: z.array(AgentBody), nextCursor: z.optional(z.string()) })

/** What a support engineer sees of an agent: where it is, not what it was given. */
export const SupportAgentBody = z.strictObject({
  id: AgentId,
  tenantId: TenantId,
  name: z.string(),
  status: AgentStatus,
  instanceId: z.optional(z.string()),
  updatedAt: Instant,
})
export const SupportAgentList = z.strictObject({
  agents: z.array(SupportAgentBody),
  nextCursor: z.optional(z.string()),
})

const credentialOf = (kind: CredentialKind) =>
  z.pipe(
    z.string().check(
      z.maxLength(CREDENTIAL_MAX_CHARACTERS),
      z.superRefine((text, context) => {
        const rule = credentialRule(kind, text)
        if (rule !== null) context.addIssue({ code: 'custom', message: rule })
      }),
    ),
    intoSecret,
  )

const givenCredentials = {
  claudeCodeToken: z.optional(credentialOf('claudeCodeToken')),
  anthropicApiKey: z.optional(credentialOf('anthropicApiKey')),
  githubToken: z.optional(credentialOf('githubToken')),
  slackBotToken: z.optional(credentialOf('slackBotToken')),
  slackAppToken: z.optional(credentialOf('slackAppToken')),
}

/** The credentials of a new agent: at least one that its model can use. */
export const GivenCredentials = z.strictObject(givenCredentials).check(
  z.refine((given) => MODEL_CREDENTIAL_KINDS.some((kind) => given[kind] !== undefined), {
    message: 'model_credential_required',
  }),
)
export type GivenCredentials = z.infer<typeof GivenCredentials>

/** A change to stored credentials: a value replaces, null removes, an absent kind stays as it is. */
export const CredentialPatch = z
  .strictObject({
    claudeCodeToken: z.optional(z.nullable(credentialOf('claudeCodeToken'))),
    anthropicApiKey: z.optional(z.nullable(credentialOf('anthropicApiKey'))),
    githubToken: z.optional(z.nullable(credentialOf('githubToken'))),
    slackBotToken: z.optional(z.nullable(credentialOf('slackBotToken'))),
    slackAppToken: z.optional(z.nullable(credentialOf('slackAppToken'))),
  })
  .check(
    z.refine((patch) => CREDENTIAL_KINDS.some((kind) => patch[kind] !== undefined), { message: 'nothing_to_change' }),
  )
export type CredentialPatch = z.infer<typeof CredentialPatch>

export const OnboardAgentInput = z.strictObject({
  name: AgentName,
  credentials: GivenCredentials,
  supportAccess: z._default(z.boolean(), true),
})
export type OnboardAgentInput = z.infer<typeof OnboardAgentInput>

export const SupportAccessInput = z.strictObject({ enabled: z.boolean() })
