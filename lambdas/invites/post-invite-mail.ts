import type { WriteAction } from '../aws/transact.aws.ts'
import type { Invite } from './invite.ts'
import type { LinkSeal } from './link-seal.aws.ts'
import type { MailOutbox } from './mail-outbox.aws.ts'

/** Prepares the mail of an invite: the write that belongs into the transaction which makes its link. */
export type PostInviteMail = (invite: Invite, link: string, now: Date) => Promise<WriteAction>

/** Seals the link and puts it into the outbox, from where the mail sender takes it. */
export const createPostInviteMail =
  (deps: { outbox: MailOutbox; seal: Pick<LinkSeal, 'seal'> }): PostInviteMail =>
  async (invite, link, now) =>
    deps.outbox.postStep(invite, await deps.seal.seal(invite.inviteId, link), now)
