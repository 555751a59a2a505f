import { INVITE_DEFAULT_HOURS } from '../contract/facts.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import { addSeconds } from '../core/clock.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { type Invite, inviteLink, mintInviteCode } from './invite.ts'
import type { IssuedInvite, IssueInviteDeps } from './issue-invite.ts'

const OPERATOR = { kind: 'system', id: 'operator' } as const

/** Makes the first admin's invite. Works once in the life of an installation; a second use is refused and audited. */
export const bootstrapInvite = async (
  deps: Pick<IssueInviteDeps, 'invites' | 'audit' | 'clock' | 'random' | 'siteOrigin'>,
  input: { email: string; requestId: string },
): Promise<Result<IssuedInvite, { reason: 'already_bootstrapped' }>> => {
  const now = deps.clock.now()
  const { code, codeHash, inviteId } = mintInviteCode(deps.random)
  const invite: Invite = {
    ...{ inviteId, codeHash, email: input.email },
    role: 'admin',
    state: 'pending',
    tenantId: null,
    tenantName: null,
    opensTenant: false,
    createdBy: 'operator',
    invitedBy: 'The operator of this installation',
    validForHours: INVITE_DEFAULT_HOURS,
    createdAt: now,
    expiresAt: addSeconds(now, INVITE_DEFAULT_HOURS * 3600),
  }
  const committed = await deps.audit.commit<'already_bootstrapped'>({
    chain: PLATFORM_CHAIN,
    event: {
      actor: OPERATOR,
      action: 'invite.issued',
      target: inviteId,
      detail: { requestId: input.requestId, role: 'admin' },
    },
    steps: () => [
      { refusal: 'already_bootstrapped', action: deps.invites.bootstrapStep(inviteId) },
      { refusal: 'already_bootstrapped', action: deps.invites.claimAddressStep(invite, now) },
      { refusal: 'already_bootstrapped', action: deps.invites.putStep(invite) },
    ],
  })
  if (committed.ok) return ok({ invite, link: inviteLink(deps.siteOrigin, code) })
  await deps.audit.record(PLATFORM_CHAIN, {
    actor: OPERATOR,
    action: 'bootstrap.refused',
    target: 'first admin',
    detail: { requestId: input.requestId },
  })
  return fail({ reason: 'already_bootstrapped' })
}
