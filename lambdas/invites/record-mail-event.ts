import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import { InviteId } from '../contract/ids.ts'
import { MAIL_CODE_TAG, MAIL_INVITE_TAG, MailEvent, type MailState } from '../contract/mail.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import type { Clock } from '../core/clock.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { mailTagOf } from './invite-mailer.aws.ts'
import type { InviteStore } from './invite-store.aws.ts'

const STATE_OF: Record<MailEvent['detail-type'], MailState> = {
  'Email Bounced': 'bounced',
  'Email Rejected': 'refused',
  'Email Rendering Failed': 'refused',
  'Email Complaint Received': 'refused',
}

/**
 * Notes on an invite what SES says later about its mail. News about another mail than the latest, or that is noted already,
 * changes nothing; an event that names no invite is a failure for the dead letters.
 */
export const recordMailEvent = async (
  deps: { invites: InviteStore; audit: AuditTrail; clock: Clock },
  event: unknown,
): Promise<Result<void, { reason: 'event_unreadable' }>> => {
  const parsed = MailEvent.safeParse(event)
  const tags = parsed.data?.detail.mail.tags ?? {}
  const inviteId = InviteId.safeParse(tags[MAIL_INVITE_TAG]?.[0])
  if (!parsed.success || !inviteId.success) return fail({ reason: 'event_unreadable' })
  const state = STATE_OF[parsed.data['detail-type']]
  const invite = await deps.invites.read(inviteId.data)
  const isLatest = invite !== null && mailTagOf(invite.codeHash) === tags[MAIL_CODE_TAG]?.[0]
  if (!isLatest || invite.mail === undefined || invite.mail.state === state) return ok(undefined)
  await deps.audit.commit<'superseded'>({
    chain: PLATFORM_CHAIN,
    event: {
      actor: { kind: 'system', id: 'mailer' },
      action: 'invite.mail_failed',
      target: invite.inviteId,
      detail: { because: state },
    },
    steps: () => [
      {
        refusal: 'superseded',
        action: deps.invites.mailStateStep(invite, state, { now: deps.clock.now(), onlyQueued: false }),
      },
    ],
  })
  return ok(undefined)
}
