import type { AuditAction } from '../../lambdas/contract/audit.ts'
import { type Operation, operations } from '../../lambdas/contract/operations.ts'
import type { Reply } from '../support/browser.ts'
import type { Harness } from '../support/harness.ts'
import { diffFacts, type Facts } from './model-facts.ts'
import {
  keysMayBeGone,
  type Live,
  type Model,
  seatOf,
  sessionLetsIn,
  type SessionState,
  tokenLetsIn,
  type TokenState,
} from './model-state.ts'
import type { Luck, ModelWorld, Request } from './model-world.ts'

/** One call of a person, and what its answer says about the world: 2xx is so, 4xx is not, anything else may be until seen. */

/** What a command is drawn with. Small numbers, so that they collide and shrink; each verb takes them as it needs. */
export interface Draw extends Luck {
  who: number
  slot: number
  byToken: boolean
  pick: number
  other: number
  flag: boolean
}

export interface Caller {
  email: string
  seat: string
  session: SessionState | undefined
  token: TokenState | undefined
  letsIn: Live
  role: 'tenant' | 'support' | 'admin' | undefined
  tenantId: string | null
}

export interface Settled {
  /** Null where nobody answered. */
  reply: Reply | null
  /** What is different now. */
  diff: readonly string[]
  /** True for 2xx. */
  isAcknowledged: boolean
  /** True where the answer does not say whether it was done. */
  isUnsure: boolean
  before: Facts
  cookies: Map<string, string>
  startedAt: number
}

export interface Plan {
  request: Request
  /** What may be answered to a caller who is let in and may do this. */
  statuses: readonly number[]
  /** What is different where it was done, as `diffFacts` says it. */
  changes?: readonly string[]
  /** True where it is done in several steps, and a call that breaks off may leave some. */
  inParts?: boolean
  /** Besides `changes`, of what only these may be. */
  mayAlso?: RegExp
  /** The one event that tells of it. */
  action?: AuditAction
  /** True where it is told of even if it leaves everything as it was. */
  isAlwaysTold?: boolean
  /** True where it may be answered 503 though nothing is broken: somebody else has to act first. */
  mayBeLate?: boolean
  /** Other cookies than those of the caller's seat. */
  cookies?: Map<string, string>
  beside?: (house: Harness, answer: Promise<unknown>) => Promise<unknown>
  after?: (settled: Settled) => void
}

export type Access = 'public' | 'account' | 'tenant' | 'admin' | 'support'

export interface Verb {
  access: Access
  /** Who tries it most: the people by name, often first. */
  people: readonly string[]
  /** Null where there is nothing to try it on. */
  plan: (model: Model, draw: Draw, caller: Caller) => Plan | null
}

/** Whose seat, and which of both: mostly one that lets in, else nearly everything would be refused at the door. */
const seatFor = (model: Model, { people, access }: Verb, { who, slot, other }: Draw): [string, number] => {
  const drawn: [string, number] = [people[who % people.length] ?? '', slot]
  if (access === 'public' || other % 4 === 0) return drawn
  const open = [
    drawn,
    ...people.flatMap((email): [string, number][] => [
      [email, 0],
      [email, 1],
    ]),
  ].filter(([email, at]) => sessionLetsIn(model, model.seats.get(seatOf(email, at))) !== 'no')
  return open.includes(drawn) ? drawn : (open[who % Math.max(1, open.length)] ?? drawn)
}

export const callerOf = (model: Model, verb: Verb, draw: Draw): Caller => {
  const [email, slot] = seatFor(model, verb, draw)
  const seat = seatOf(email, slot)
  const tokens = draw.byToken && verb.access !== 'public' ? model.tokens.filter((token) => token.email === email) : []
  const token = tokens[draw.slot % Math.max(1, tokens.length)]
  const session = token === undefined ? model.seats.get(seat) : undefined
  const account = model.facts.accounts[email]
  const letsIn = token === undefined ? sessionLetsIn(model, session) : tokenLetsIn(model, token)
  return { email, seat, session, token, letsIn, role: account?.role, tenantId: account?.tenantId ?? null }
}

const mayDo = (access: Access, { role }: Caller): boolean => {
  if (access === 'public' || access === 'account') return true
  return access === role
}

const isUnsureAnswer = (reply: Reply | null): boolean => reply === null || reply.status >= 500

const fits = (template: string, { method, path }: Request): boolean => {
  const [verb, pattern = ''] = template.split(' ')
  const [wanted, given] = [pattern.split('/'), (path.split('?')[0] ?? '').split('/')]
  return (
    verb === method &&
    wanted.length === given.length &&
    wanted.every((part, index) => part.startsWith('{') || part === given[index])
  )
}

/** What is published with a limit; closing an agent to support has none. */
const mayBeHeld = (request: Request): boolean => {
  const isClosing = JSON.stringify(request.body) === '{"enabled":false}'
  const operation = Object.entries<Operation>(operations).find(([template]) => fits(template, request))?.[1]
  return !isClosing && operation?.errors?.includes('rate_limited') === true
}

const judgeStatus = (verb: Verb, plan: Plan, caller: Caller, reply: Reply, met: number): string | null => {
  const { status } = reply
  if (status === 503) return met > 0 || plan.mayBeLate === true ? null : 'I-26 answered 503 though nothing is broken'
  if (status >= 500) return `I-26 answered ${status}`
  if (status === 429) return mayBeHeld(plan.request) ? null : 'S12 held what is never held'
  const isOpen = verb.access === 'public'
  // What cannot be made sure of is denied (I-27).
  const allowed = new Set<number>(!isOpen && (caller.letsIn !== 'yes' || met > 0) ? [401] : [])
  if (isOpen || caller.letsIn !== 'no')
    for (const one of mayDo(verb.access, caller) ? plan.statuses : [403]) allowed.add(one)
  return allowed.has(status) ? null : `answered ${status}, and not ${[...allowed].join(' or ')}: ${reply.text}`
}

const judgeDiff = (plan: Plan, settled: Settled): string | null => {
  const { diff, isAcknowledged, isUnsure } = settled
  const wanted = plan.changes ?? []
  const others = diff.filter((one) => !wanted.includes(one) && plan.mayAlso?.test(one) !== true)
  const missing = wanted.filter((one) => !diff.includes(one))
  if (isAcknowledged) {
    if (others.length > 0) return `did what nobody asked for: ${others.join('; ')}`
    return missing.length > 0 ? `was acknowledged and is not so: ${missing.join('; ')}` : null
  }
  // What works beside a call does what else is due, however that call is answered.
  const asked = plan.beside === undefined ? diff : diff.filter((one) => plan.mayAlso?.test(one) !== true)
  if (!isUnsure) return asked.length > 0 ? `was refused and is so: ${asked.join('; ')}` : null
  if (others.length > 0) return `did what nobody asked for: ${others.join('; ')}`
  const isHalf = missing.length > 0 && missing.length < wanted.length
  return isHalf && plan.inParts !== true ? `was done by half: ${diff.join('; ')}` : null
}

const judgeEvents = (world: ModelWorld, plan: Plan, { reply, isAcknowledged, isUnsure }: Settled): string | null => {
  if (plan.action === undefined || reply === null || isUnsure) return null
  const requestId = reply.headers.get('x-request-id') ?? ''
  const told = Number(
    world.aws.database.get(
      "SELECT count(*) AS n FROM ddb_item WHERE tbl = 'vestibule-audit' AND item LIKE ? AND item LIKE ?",
      ...[`%"${requestId}"%`, `%"${plan.action}"%`],
    )?.n,
  )
  const isChange = plan.changes === undefined || plan.changes.length > 0 || plan.isAlwaysTold === true
  const expected = Number(isAcknowledged && isChange)
  return told === expected ? null : `I-21 has ${told} events ${plan.action}, and not ${expected}`
}

/** Ids of other tenants' things: none of them is in what a tenant is answered. */
const judgeForeign = ({ facts }: Model, { tenantId }: Caller, reply: Reply | null): string | null => {
  if (tenantId === null || reply === null) return null
  const foreign = [
    ...Object.keys(facts.tenants).filter((id) => id !== tenantId),
    ...Object.entries(facts.agents).flatMap(([id, agent]) => (agent.tenantId === tenantId ? [] : [id])),
  ]
  const seen = foreign.find((id) => reply.text.includes(id))
  return seen === undefined ? null : `I-05 shows ${seen} of another tenant`
}

/** Settles by use what could not be known before. */
const settleStanding = (model: Model, verb: Verb, caller: Caller, reply: Reply | null, met: number): void => {
  const { session, token } = caller
  if (session !== undefined) session.triedAt = model.now()
  if (verb.access === 'public' || reply === null || reply.status >= 500 || reply.status === 429) return
  const used = session ?? token
  if (used === undefined) return
  if (reply.status !== 401) {
    if (session !== undefined) session.usedAt = model.now()
    if (used.live === 'maybe') used.live = 'yes'
  } else if (met === 0 && used.live === 'maybe') {
    const isForKeys = session !== undefined && keysMayBeGone(model, session.openedAt.earliest)
    if (!isForKeys) used.live = 'no'
  }
}

const noteWishes = (model: Model, diff: readonly string[]): void => {
  for (const change of diff) {
    const [, id = '', status = ''] = /^agent (\S+) is \w+ > (\w+)$/.exec(change) ?? []
    if (status === 'stopping') model.wishes.set(id, 'stop')
    if (status === 'deleting') model.wishes.set(id, 'delete')
    if (status === 'starting' || status === 'requested') model.wishes.set(id, 'run')
  }
  for (const [id] of Object.entries(model.facts.agents)) if (!model.wishes.has(id)) model.wishes.set(id, 'run')
}

/** What must hold after every command, whoever gave it. */
export const judgeWorld = (world: ModelWorld): string | null => {
  const owners = world.aws.database
    .all("SELECT tags FROM ec2_instance WHERE state NOT IN ('terminated', 'shutting-down')")
    .map(({ tags }) => /agt_\w{26}/.exec(String(tags))?.[0])
  const twice = owners.find((owner, index) => owners.indexOf(owner) !== index)
  return twice === undefined ? null : `I-15 ${twice} has two live machines`
}

/** Makes one call and holds it against the model. Throws what does not hold. */
export const makeCall = async (
  model: Model,
  world: ModelWorld,
  name: string,
  verb: Verb,
  draw: Draw,
): Promise<void> => {
  const caller = callerOf(model, verb, draw)
  const plan = verb.plan(model, draw, caller)
  if (plan === null) return
  const bearer: Record<string, string> =
    caller.token === undefined ? {} : { authorization: `Bearer ${caller.token.secret}` }
  const address = { 'x-test-address': `198.51.100.${model.commands % 250}` }
  const startedAt = model.now()
  const { reply, met, browser } = await world.call(
    draw,
    { ...plan.request, headers: { ...plan.request.headers, ...bearer, ...address } },
    plan.cookies ?? caller.session?.cookies ?? new Map(),
    plan.beside,
  )
  const before = model.facts
  model.facts = await world.readFacts()
  const isUnsure = isUnsureAnswer(reply)
  const settled: Settled = {
    reply,
    before,
    startedAt,
    isUnsure,
    diff: diffFacts(before, model.facts),
    isAcknowledged: reply !== null && reply.status < 400,
    cookies: browser.cookies,
  }
  const wrong =
    (reply === null ? null : judgeStatus(verb, plan, caller, reply, met)) ??
    judgeDiff(plan, settled) ??
    judgeEvents(world, plan, settled) ??
    (verb.access === 'public' ? null : judgeForeign(model, caller, reply)) ??
    judgeWorld(world)
  if (wrong !== null) throw new Error(`${name} by ${caller.email}: ${wrong}`)
  settleStanding(model, verb, caller, reply, met)
  noteWishes(model, settled.diff)
  plan.after?.(settled)
}
