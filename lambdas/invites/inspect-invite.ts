import type { Clock } from '../core/clock.ts'
import { equalsConstantTime } from '../core/digest.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import type { Limiter, RateLimited } from '../limits/limiter.aws.ts'
import type { InviteState } from '../contract/invites.ts'
import { type Invite, inviteState, readInviteCode } from './invite.ts'
import type { InviteStore } from './invite-store.aws.ts'

/** Finds an invite by its code, or nothing: a right id with a wrong secret is as unknown as any other code. */
export const findInvite = async (invites: InviteStore, code: Secret): Promise<Invite | null> => {
  const { inviteId, codeHash } = readInviteCode(code)
  const invite = await invites.read(inviteId)
  return invite !== null && equalsConstantTime(Buffer.from(invite.codeHash), Buffer.from(codeHash)) ? invite : null
}

/** What the holder of a link may know before typing anything. Changes nothing. */
export const inspectInvite = async (
  deps: { invites: InviteStore; limiter: Limiter; clock: Clock },
  input: { code: Secret; clientBucket: string },
): Promise<Result<{ invite: Invite; state: InviteState }, RateLimited | { reason: 'code_unknown' }>> => {
  const taken = await deps.limiter.take('inspect', input.clientBucket)
  if (!taken.ok) return taken
  const invite = await findInvite(deps.invites, input.code)
  return invite === null
    ? fail({ reason: 'code_unknown' })
    : ok({ invite, state: inviteState(invite, deps.clock.now()) })
}
