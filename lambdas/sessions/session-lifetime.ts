import type { Role } from '../contract/accounts.ts'
import { SESSION_LIFETIMES } from '../contract/facts.ts'
import { addSeconds } from '../core/clock.ts'

/** Pure: no I/O, no clock. */

/** When a session ends by itself: idle since it was last seen, and in any case a fixed time after it began. */
export const sessionExpiry = (role: Role, createdAt: Date, lastSeenAt: Date): Date => {
  const { idleSeconds, absoluteSeconds } = SESSION_LIFETIMES[role]
  const idleEnd = addSeconds(lastSeenAt, idleSeconds)
  const absoluteEnd = addSeconds(createdAt, absoluteSeconds)
  return idleEnd < absoluteEnd ? idleEnd : absoluteEnd
}
