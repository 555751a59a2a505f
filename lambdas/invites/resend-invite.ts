import type { AuditDraft } from '../audit/chain.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import type { InviteId } from '../contract/ids.ts'
import { addSeconds } from '../core/clock.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { type Invite, inviteLink, mintInviteCode } from './invite.ts'
import type { IssuedInvite, IssueInviteDeps } from './issue-invite.ts'

export type ResendInviteFailure = { reason: 'invite_unknown' | 'invite_final' | 'invite_pending' }

/** Gives a pending or expired invite a new link and its full time again; the older link is dead at once. */
export const resendInvite = async (
  deps: Pick<IssueInviteDeps, 'invites' | 'audit' | 'clock' | 'random' | 'siteOrigin' | 'postMail'>,
  input: { actor: AuditDraft['actor']; inviteId: InviteId; requestId: string },
): Promise<Result<IssuedInvite, ResendInviteFailure>> => {
  const invite = await deps.invites.read(input.inviteId)
  if (invite === null) return fail({ reason: 'invite_unknown' })
  if (invite.state !== 'pending') return fail({ reason: 'invite_final' })
  const now = deps.clock.now()
  const { code, codeHash } = mintInviteCode(deps.random, invite.inviteId)
  const { mail: _, ...kept } = invite
  const renewed: Invite = {
    ...kept,
    codeHash,
    expiresAt: addSeconds(now, invite.validForHours * 3600),
    ...(deps.postMail === null ? {} : { mail: { state: 'queued', at: now } }),
  }
  const link = inviteLink(deps.siteOrigin, code)
  const mail = await deps.postMail?.(renewed, link, now)
  const committed = await deps.audit.commit<'invite_final' | 'invite_pending'>({
    chain: PLATFORM_CHAIN,
    event: {
      actor: input.actor,
      action: 'invite.resent',
      target: invite.inviteId,
      detail: { requestId: input.requestId },
    },
    steps: () => [
      { refusal: 'invite_final', action: deps.invites.renewStep(invite, renewed) },
      { refusal: 'invite_pending', action: deps.invites.claimAddressStep(renewed, now) },
      ...(mail === undefined ? [] : [{ refusal: 'invite_final', action: mail } as const]),
    ],
  })
  if (committed.ok) return ok({ invite: renewed, link })
  if (committed.failure.reason === 'invite_pending') return committed
  // Sent again by somebody else meanwhile, or used or revoked: only the row can tell.
  const current = await deps.invites.read(input.inviteId)
  return current?.state === 'pending' ? resendInvite(deps, input) : committed
}
