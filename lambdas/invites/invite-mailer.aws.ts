import { SendEmailCommand, type SESv2Client } from '@aws-sdk/client-sesv2'
import { tryAws } from '../aws/errors.aws.ts'
import { MAIL_CODE_TAG, MAIL_INVITE_TAG } from '../contract/mail.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import type { Invite } from './invite.ts'
import { composeInviteMail } from './invite-mail.ts'

const REFUSED = [
  'MessageRejected',
  'MailFromDomainNotVerifiedException',
  'SendingPausedException',
  'AccountSuspendedException',
  'BadRequestException',
  'NotFoundException',
] as const
const NOT_NOW = ['TooManyRequestsException', 'LimitExceededException'] as const

export type MailFailure = { reason: 'refused'; because: string } | { reason: 'not_now' }

/**
 * Hands an invite's mail to Amazon SES v2, which knows no client token: what is neither accepted nor refused is thrown, and
 * may have gone out.
 */
export const createInviteMailer = (deps: { ses: SESv2Client; sender: string; configurationSet: string }) => ({
  send: async (invite: Invite, link: Secret): Promise<Result<void, MailFailure>> => {
    const mail = composeInviteMail(invite, link)
    const sent = await tryAws('ses', [...REFUSED, ...NOT_NOW], () =>
      deps.ses.send(
        new SendEmailCommand({
          FromEmailAddress: deps.sender,
          Destination: { ToAddresses: [mail.to] },
          ConfigurationSetName: deps.configurationSet,
          EmailTags: [
            { Name: MAIL_INVITE_TAG, Value: invite.inviteId },
            { Name: MAIL_CODE_TAG, Value: mailTagOf(invite.codeHash) },
          ],
          Content: {
            Simple: {
              Subject: { Data: mail.subject },
              Body: { Text: { Data: mail.text }, Html: { Data: mail.html } },
            },
          },
        }),
      ),
    )
    if (sent.ok) return ok(undefined)
    const { reason } = sent.failure
    return reason === 'TooManyRequestsException' || reason === 'LimitExceededException'
      ? fail({ reason: 'not_now' })
      : fail({ reason: 'refused', because: reason })
  },
})

/** Tells the mails of one invite apart: each resend has a new code. Says nothing about the code itself. */
export const mailTagOf = (codeHash: string): string => codeHash.slice(0, 16)

export type InviteMailer = ReturnType<typeof createInviteMailer>
