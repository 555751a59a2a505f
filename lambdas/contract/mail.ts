import * as z from 'zod/mini'

/**
 * What became of an invite's mail. `unconfirmed`: the sender broke off in the middle, so it may or may not have gone out; it
 * is not sent twice.
 */
export const MailState = z.enum(['queued', 'sent', 'refused', 'bounced', 'unconfirmed'])
export type MailState = z.infer<typeof MailState>

/** Tags that every mail carries, and that SES repeats in what it tells of it later. */
export const MAIL_INVITE_TAG = 'invite'
export const MAIL_CODE_TAG = 'code'

/** The part we read of what SES tells EventBridge (Amazon SES developer guide, "Monitoring with EventBridge"). */
export const MailEvent = z.object({
  source: z.literal('aws.ses'),
  'detail-type': z.enum(['Email Bounced', 'Email Rejected', 'Email Rendering Failed', 'Email Complaint Received']),
  detail: z.object({ mail: z.object({ tags: z.record(z.string(), z.array(z.string())) }) }),
})
export type MailEvent = z.infer<typeof MailEvent>
