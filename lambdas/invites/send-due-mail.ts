import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import { MAIL_CLAIM_SECONDS } from '../contract/facts.ts'
import type { MailState } from '../contract/mail.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import { addSeconds, type Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { inviteState } from './invite.ts'
import type { InviteMailer } from './invite-mailer.aws.ts'
import type { InviteStore } from './invite-store.aws.ts'
import type { LinkSeal } from './link-seal.aws.ts'
import type { MailOutbox, OutboxMail } from './mail-outbox.aws.ts'

export interface SendMailDeps {
  outbox: MailOutbox
  invites: InviteStore
  seal: LinkSeal
  mailer: InviteMailer
  audit: AuditTrail
  clock: Clock
  logger: Logger
}

const BATCH = 25
const MAILER = { kind: 'system', id: 'mailer' } as const

const settle = async (
  deps: SendMailDeps,
  mail: OutboxMail,
  state: MailState,
  detail: Record<string, string> = {},
): Promise<void> => {
  const settled = await deps.audit.commit<'superseded'>({
    chain: PLATFORM_CHAIN,
    event: {
      actor: MAILER,
      action: state === 'sent' ? 'invite.mailed' : 'invite.mail_failed',
      target: mail.inviteId,
      detail: state === 'sent' ? {} : { because: state, ...detail },
    },
    steps: () => [
      { refusal: 'superseded', action: deps.outbox.removeStep(mail) },
      {
        refusal: 'superseded',
        action: deps.invites.mailStateStep(mail, state, { now: deps.clock.now(), onlyQueued: true }),
      },
    ],
  })
  // A newer link took this one's place, or SES was quicker with bad news: what stands on the invite is truer than this.
  if (!settled.ok) await deps.outbox.drop(mail)
}

type Outcome = 'done' | 'wait'

const sendOne = async (deps: SendMailDeps, mail: OutboxMail): Promise<Outcome> => {
  const now = deps.clock.now()
  if (mail.state === 'sending') {
    if (now >= addSeconds(mail.changedAt, MAIL_CLAIM_SECONDS)) await settle(deps, mail, 'unconfirmed')
    return 'done'
  }
  const invite = await deps.invites.read(mail.inviteId)
  if (invite === null || inviteState(invite, now) !== 'pending' || invite.codeHash !== mail.codeHash) {
    await deps.outbox.drop(mail)
    return 'done'
  }
  const link = await deps.seal.open(mail.inviteId, mail.sealedLink)
  if (!(await deps.outbox.claim(mail, now))) return 'done'
  const sent = await deps.mailer.send(invite, link)
  if (sent.ok) {
    await settle(deps, mail, 'sent')
    return 'done'
  }
  if (sent.failure.reason === 'refused') {
    await settle(deps, mail, 'refused', { reason: sent.failure.because })
    return 'done'
  }
  await deps.outbox.release(mail, deps.clock.now())
  return 'wait'
}

/**
 * Sends what waits in the outbox. Each mail is claimed first; one whose claim is old was broken off and is shown as
 * unconfirmed instead of being sent again. Stops when SES asks to slow down.
 */
export const sendDueMail = async (deps: SendMailDeps): Promise<{ looked: number; failed: number }> => {
  const due = await deps.outbox.list(BATCH)
  let failed = 0
  for (const mail of due) {
    try {
      if ((await sendOne(deps, mail)) === 'wait') break
    } catch (error) {
      failed += 1
      const errorName = error instanceof Error ? error.name : 'unknown'
      deps.logger.error('sending one mail failed', { inviteId: mail.inviteId, errorName })
    }
  }
  return { looked: due.length, failed }
}
