import type { Clock } from '../core/clock.ts'
import type { Principal, Session } from './principal.ts'
import { judgeStanding } from './authenticate-session.ts'
import { sessionExpiry } from './session-lifetime.ts'
import type { SessionStore } from './session-store.aws.ts'

/** Where the caller is signed in now, newest first; what has ended or expired is left out even while its row remains. */
export const listSessions = async (
  deps: { sessions: SessionStore; clock: Clock },
  { account, tenant }: Principal,
): Promise<Session[]> => {
  const now = deps.clock.now()
  const sessions = await deps.sessions.list(account.accountId)
  return sessions
    .filter(
      (session) =>
        judgeStanding(account, tenant, { sequence: session.sequence, endedAt: account.sessionsEndedAt }) === null,
    )
    .filter((session) => now < sessionExpiry(account.role, session.createdAt, session.lastSeenAt))
    .toSorted((left, right) => right.lastSeenAt.getTime() - left.lastSeenAt.getTime())
}
