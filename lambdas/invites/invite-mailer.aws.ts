import { SendEmailCommand, type SESv2Client } from '@aws-sdk/client-sesv2'
import { tryAws } from '../aws/errors.aws.ts'
import type { Logger } from '../core/logger.ts'
import type { Invite } from './invite.ts'
import { composeInviteMail } from './invite-mail.ts'

const UNSENT = [
  'MessageRejected',
  'MailFromDomainNotVerifiedException',
  'SendingPausedException',
  'AccountSuspendedException',
] as const

/** Sends invites by mail where a sender is set up. An invite never depends on it: its link is shown to who issued it. */
export const createInviteMailer = (deps: { ses: SESv2Client; sender: string; logger: Logger }) => ({
  send: async (invite: Invite, link: string): Promise<void> => {
    const mail = composeInviteMail(invite, link)
    const sent = await tryAws('ses', UNSENT, () =>
      deps.ses.send(
        new SendEmailCommand({
          FromEmailAddress: deps.sender,
          Destination: { ToAddresses: [mail.to] },
          Content: {
            Simple: {
              Subject: { Data: mail.subject },
              Body: { Text: { Data: mail.text }, Html: { Data: mail.html } },
            },
          },
        }),
      ),
    )
    if (!sent.ok)
      deps.logger.warn('invite mail was not sent', { inviteId: invite.inviteId, reason: sent.failure.reason })
  },
})

export type InviteMailer = ReturnType<typeof createInviteMailer>
