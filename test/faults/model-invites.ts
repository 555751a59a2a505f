import { readInviteCode } from '../../lambdas/invites/invite.ts'
import { Secret } from '../../lambdas/core/secret.ts'
import type { Draw, Plan, Settled, Verb } from './model-calls.ts'
import { ADMINS, ANA, EVERYBODY, NEWCOMERS, pickFrom } from './model-cast.ts'
import type { InviteFact } from './model-facts.ts'
import { type Live, MARGIN, type Model } from './model-state.ts'

/** What admins and strangers do with invites, and what each must be answered. */

/** Whether an invite can be used now; near its end nobody can say. */
export const isPending = (model: Model, invite: InviteFact): Live => {
  if (invite.state !== 'pending') return 'no'
  const left = invite.expiresAt.getTime() - model.now()
  return left > MARGIN ? 'yes' : left <= 0 ? 'no' : 'maybe'
}

export const either = (live: Live, yes: number, no: number): number[] =>
  live === 'yes' ? [yes] : live === 'no' ? [no] : [yes, no]

export const hashOf = (code: string): string => readInviteCode(new Secret(code)).codeHash

const learnCode = (model: Model, { reply, isAcknowledged }: Settled): void => {
  if (!isAcknowledged) return
  model.codes.push({ inviteId: reply?.body.invite.id, code: String(reply?.body.link).split('#')[1] ?? '' })
}

/** Who is invited as what: a tenant of their own, one that is there, or staff. */
const choose = (
  { facts }: Model,
  { other, flag }: Draw,
): { body: Record<string, unknown>; role: string; into?: string } => {
  if (flag) return { body: {}, role: 'tenant' }
  const role = (['support', 'admin', 'tenant'] as const)[other % 3] ?? 'tenant'
  const into = role === 'tenant' ? pickFrom(Object.keys(facts.tenants), other) : undefined
  return { body: { role, ...(into === undefined ? {} : { tenantId: into }) }, role, into }
}

const issue = (model: Model, draw: Draw): Plan => {
  const email = pickFrom(NEWCOMERS, draw.pick) ?? ANA
  const { body, role, into } = choose(model, draw)
  const pending = Object.values(model.facts.invites)
    .filter((invite) => invite.email === email)
    .map((invite) => isPending(model, invite))
  const isSuspended = into !== undefined && model.facts.tenants[into] !== 'active'
  const mayBe: Live = isSuspended || pending.includes('yes') ? 'no' : pending.includes('maybe') ? 'maybe' : 'yes'
  return {
    request: { method: 'POST', path: '/api/admin/invites', body: { email, ...body } },
    statuses: either(mayBe, 201, 409),
    changes: [`new invite for ${email}: ${role} pending`],
    action: 'invite.issued',
    after: (settled) => learnCode(model, settled),
  }
}

const resend = (model: Model, draw: Draw): Plan | null => {
  const found = pickFrom(Object.entries(model.facts.invites), draw.pick)
  if (found === undefined) return null
  const [id, invite] = found
  const rivals = Object.entries(model.facts.invites)
    .filter(([other, { email }]) => other !== id && email === invite.email)
    .map(([, other]) => isPending(model, other))
  const mayBe: Live =
    invite.state !== 'pending' || rivals.includes('yes') ? 'no' : rivals.includes('maybe') ? 'maybe' : 'yes'
  return {
    request: { method: 'POST', path: `/api/admin/invites/${id}/resend` },
    statuses: either(mayBe, 200, 409),
    changes: [`invite ${id} has a new code`],
    action: 'invite.resent',
    after: (settled) => learnCode(model, settled),
  }
}

const revoke = (model: Model, draw: Draw): Plan | null => {
  const found = pickFrom(Object.entries(model.facts.invites), draw.pick)
  if (found === undefined) return null
  const [id, { state }] = found
  return {
    request: { method: 'DELETE', path: `/api/admin/invites/${id}` },
    statuses: [state === 'redeemed' ? 409 : 204],
    changes: state === 'pending' ? [`invite ${id} is pending > revoked`] : [],
    action: 'invite.revoked',
  }
}

const inspect = (model: Model, draw: Draw): Plan | null => {
  const known = pickFrom(model.codes, draw.pick)
  const invite = known === undefined ? undefined : model.facts.invites[known.inviteId]
  if (known === undefined || invite === undefined) return null
  const isCurrent = hashOf(known.code) === invite.codeHash
  const pending = isPending(model, invite)
  return {
    request: { method: 'POST', path: '/api/invites/inspect', body: { invite: known.code } },
    statuses: [isCurrent ? 200 : 404],
    after: ({ reply, isAcknowledged }) => {
      const shown = reply?.body?.state
      const expected = invite.state === 'pending' && pending === 'no' ? 'expired' : invite.state
      if (isAcknowledged && pending !== 'maybe' && shown !== expected) throw new Error(`invite is shown as ${shown}`)
    },
  }
}

export const INVITE_VERBS: Record<string, Verb> = {
  'issue an invite': { access: 'admin', people: ADMINS, plan: issue },
  'resend an invite': { access: 'admin', people: ADMINS, plan: resend },
  'revoke an invite': { access: 'admin', people: ADMINS, plan: revoke },
  'look at an invite': { access: 'public', people: EVERYBODY, plan: inspect },
}
