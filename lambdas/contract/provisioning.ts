import * as z from 'zod/mini'
import { AgentId, ProvisionRequestId, TenantId } from './ids.ts'
import { Instant } from './text.ts'

export const PROVISION_VERBS = ['launch', 'stop', 'start', 'delete', 'support', 'quarantine'] as const
/** The verbs that ask for no new machine, and so wait for no turn. */
export const QUICK_VERBS = PROVISION_VERBS.filter((verb) => verb !== 'launch')

/**
 * The S3 document that asks for a machine. Closed: ids, times, booleans and one verb. There is no field that could hold a
 * credential, a name or any other text that a person typed.
 */
export const ProvisionRequest = z.strictObject({
  version: z.literal(1),
  requestId: ProvisionRequestId,
  tenantId: TenantId,
  agentId: AgentId,
  verb: z.enum(PROVISION_VERBS),
  requestedAt: Instant,
  supportAccess: z.boolean(),
  credentials: z.strictObject({
    claudeCodeToken: z.boolean(),
    anthropicApiKey: z.boolean(),
    githubToken: z.boolean(),
    slackBotToken: z.boolean(),
    slackAppToken: z.boolean(),
  }),
})
export type ProvisionRequest = z.infer<typeof ProvisionRequest>
export type ProvisionVerb = ProvisionRequest['verb']

/** The part we read of EventBridge's "Object Created" event (Amazon S3 user guide, EventBridge event structure). */
export const ObjectCreatedEvent = z.object({
  'detail-type': z.literal('Object Created'),
  detail: z.object({ bucket: z.object({ name: z.string() }), object: z.object({ key: z.string() }) }),
})

/** The part we read of "EC2 Instance State-change Notification" (Amazon EC2 user guide). */
export const InstanceStateEvent = z.object({
  'detail-type': z.literal('EC2 Instance State-change Notification'),
  detail: z.object({
    'instance-id': z.string(),
    state: z.enum(['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated']),
  }),
})

/** What the provisioner puts into the line for machines. Closed, and ids only. */
export const LaunchDueEvent = z.strictObject({
  'detail-type': z.literal('Launch Due'),
  detail: z.strictObject({ tenantId: TenantId, agentId: AgentId }),
})
export type LaunchDueEvent = z.infer<typeof LaunchDueEvent>

export const ProvisionerEvent = z.union([ObjectCreatedEvent, InstanceStateEvent, LaunchDueEvent])
export type ProvisionerEvent = z.infer<typeof ProvisionerEvent>
