import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import type { TransactStep } from '../aws/transact.aws.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import type { InviteId } from '../contract/ids.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { actorOf, type Principal } from '../sessions/principal.ts'
import type { InviteStore } from './invite-store.aws.ts'

export type RevokeInviteFailure = { reason: 'invite_unknown' | 'invite_already_redeemed' }

/** Ends an invite at once, also for a page that is already open. Revoking it again changes nothing and is no error. */
export const revokeInvite = async (
  deps: { invites: InviteStore; audit: AuditTrail },
  input: { principal: Principal; inviteId: InviteId; requestId: string },
): Promise<Result<void, RevokeInviteFailure>> => {
  const invite = await deps.invites.read(input.inviteId)
  if (invite === null) return fail({ reason: 'invite_unknown' })
  if (invite.state === 'revoked') return ok(undefined)
  const revoke = { refusal: 'invite_final', action: deps.invites.revokeStep(invite.inviteId) } as const
  const release = { refusal: 'address_taken_over', action: deps.invites.releaseAddressStep(invite) } as const
  const commit = (steps: readonly TransactStep<'invite_final' | 'address_taken_over'>[]) =>
    deps.audit.commit({
      chain: PLATFORM_CHAIN,
      event: {
        actor: actorOf(input.principal),
        action: 'invite.revoked',
        target: invite.inviteId,
        detail: { requestId: input.requestId },
      },
      steps: () => steps,
    })
  const first = await commit([revoke, release])
  // An expired invite whose address a newer one has claimed is revoked without touching that claim.
  const committed = !first.ok && first.failure.reason === 'address_taken_over' ? await commit([revoke]) : first
  if (committed.ok) return ok(undefined)
  const now = await deps.invites.read(input.inviteId)
  return now?.state === 'revoked' ? ok(undefined) : fail({ reason: 'invite_already_redeemed' })
}
