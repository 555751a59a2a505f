import * as z from 'zod/mini'
import { EventId } from './ids.ts'
import { Instant } from './text.ts'

export const ActorKind = z.enum(['tenant', 'admin', 'support', 'system', 'agent', 'stranger'])
export type ActorKind = z.infer<typeof ActorKind>

/** Every action the trail knows. The web has a sentence for each. */
export const AuditAction = z.enum([
  'invite.issued',
  'invite.resent',
  'invite.revoked',
  'invite.redeemed',
  'invite.refused',
  'invite.mailed',
  'invite.mail_failed',
  'bootstrap.refused',
  'session_keys.rotated',
  'origin_proof.rotated',
  'agent_release.published',
  'account.signed_in',
  'account.sign_in_refused',
  'account.signed_out',
  'account.password_changed',
  'account.password_change_refused',
  'account.changed',
  'session.ended',
  'session.others_ended',
  'token.created',
  'token.revoked',
  'tenant.suspended',
  'tenant.resumed',
  'tenant.key_replaced',
  'access.denied',
  'agent.onboarded',
  'agent.credentials_changed',
  'agent.support_access_on',
  'agent.support_access_off',
  'support.certificate_issued',
  'support.session_opened',
  'support.session_closed',
  'agent.stop_requested',
  'agent.start_requested',
  'agent.retry_requested',
  'agent.delete_requested',
  'agent.launching',
  'agent.booting',
  'agent.ready',
  'agent.stopped',
  'agent.failed',
  'agent.quarantined',
  'agent.deleted',
  'agent.enrolled',
  'agent.enroll_refused',
  'stray.ended',
])
export type AuditAction = z.infer<typeof AuditAction>

export const AuditEventBody = z.strictObject({
  id: EventId,
  at: Instant,
  actor: z.strictObject({ kind: ActorKind, id: z.string() }),
  action: AuditAction,
  target: z.string(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  hash: z.string(),
  /** Its place in its chain, from 1: with it and the hashes anybody can check the whole. */
  sequence: z.int(),
  tenantId: z.optional(z.string()),
})
export const AuditPage = z.strictObject({ events: z.array(AuditEventBody), nextCursor: z.optional(z.string()) })
