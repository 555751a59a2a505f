import { SESSION_LIFETIMES } from '../../lambdas/contract/facts.ts'
import type { AccountFact, Facts } from './model-facts.ts'

/** What the model remembers beside the facts: what only the callers hold, and what can only be seen by using it. */

/** Three worlds: it lets in, it does not, or nobody could say before it is tried. */
export type Live = 'yes' | 'no' | 'maybe'

export interface SessionState {
  id: string
  email: string
  cookies: Map<string, string>
  live: Live
  /** When it began, at the earliest and at the latest, in milliseconds. */
  openedAt: { earliest: number; latest: number }
  /** When it was last let in, and last tried. */
  usedAt: number
  triedAt: number
}

export interface TokenState {
  id: string
  email: string
  secret: string
  live: Live
  expiresAt: number
}

/** What a tenant's idempotency key was used for. */
export interface KeyState {
  content: string
  agentId: string
  /** The text of its first answer; null while nobody got one. */
  answer: string | null
  at: number
}

export interface Model {
  facts: Facts
  now: () => number
  sessions: SessionState[]
  /** Which session a browser has: one of two for each person. */
  seats: Map<string, SessionState>
  tokens: TokenState[]
  codes: { inviteId: string; code: string }[]
  keys: Map<string, KeyState>
  /** When the session keys were rotated. */
  rotations: number[]
  /** What the last word about an agent was. */
  wishes: Map<string, 'run' | 'stop' | 'delete'>
  everSuspended: Set<string>
  commands: number
}

export const createModel = (facts: Facts, now: () => number): Model => ({
  facts,
  now,
  sessions: [],
  seats: new Map(),
  tokens: [],
  codes: [],
  keys: new Map(),
  rotations: [],
  wishes: new Map(),
  everSuspended: new Set(),
  commands: 0,
})

export const seatOf = (email: string, slot: number): string => `${email} ${slot}`

const SECOND = 1000
/** Last seen is written at most this often. */
const TOUCH = 300 * SECOND
/** A fault may take its time: nothing is expected of what ends so soon before or after. */
export const MARGIN = 300 * SECOND
/** How long a copy signs with keys that it read before. */
const KEYS_KEPT = 301 * SECOND

const worst = (...lives: Live[]): Live => (lives.includes('no') ? 'no' : lives.includes('maybe') ? 'maybe' : 'yes')

/** Two rotations end what was signed before them; copies that read the keys earlier notice later. */
export const keysMayBeGone = ({ rotations }: Model, signedAt: number): boolean =>
  rotations.filter((at) => at > signedAt - KEYS_KEPT).length >= 2

const standing = ({ facts }: Model, account: AccountFact | undefined): Live => {
  if (account?.status !== 'active') return 'no'
  return account.tenantId === null || facts.tenants[account.tenantId] === 'active' ? 'yes' : 'no'
}

const lifetime = (model: Model, session: SessionState, role: AccountFact['role']): Live => {
  const { idleSeconds, absoluteSeconds } = SESSION_LIFETIMES[role]
  const now = model.now()
  if (now >= session.triedAt + idleSeconds * SECOND || now >= session.openedAt.latest + absoluteSeconds * SECOND)
    return 'no'
  const isFresh =
    now < session.usedAt - TOUCH - MARGIN + idleSeconds * SECOND &&
    now < session.openedAt.earliest - MARGIN + absoluteSeconds * SECOND
  return isFresh ? 'yes' : 'maybe'
}

/** Whether a session lets its holder in now. */
export const sessionLetsIn = (model: Model, session: SessionState | undefined): Live => {
  if (session === undefined) return 'no'
  const account = model.facts.accounts[session.email]
  if (account === undefined) return 'no'
  const signed = keysMayBeGone(model, session.openedAt.earliest) ? 'maybe' : 'yes'
  return worst(session.live, standing(model, account), lifetime(model, session, account.role), signed)
}

export const tokenLetsIn = (model: Model, token: TokenState): Live => {
  const now = model.now()
  const inTime = now >= token.expiresAt + MARGIN ? 'no' : now >= token.expiresAt - MARGIN ? 'maybe' : 'yes'
  return worst(token.live, inTime, standing(model, model.facts.accounts[token.email]))
}

export const endSessions = (model: Model, of: (session: SessionState) => boolean, live: Live = 'no'): void => {
  for (const session of model.sessions.filter(of)) if (session.live !== 'no') session.live = live
}
export const endTokens = (model: Model, of: (token: TokenState) => boolean, live: Live = 'no'): void => {
  for (const token of model.tokens.filter(of)) if (token.live !== 'no') token.live = live
}
