import type { AgentStatus } from '../../lambdas/contract/agents.ts'
import type { AuditAction } from '../../lambdas/contract/audit.ts'

/** I-21: what the rows show was told exactly once, and nothing was told that they do not show. */

type Row = Record<string, any>

const BECOMES: Partial<Record<AuditAction, AgentStatus>> = {
  'agent.onboarded': 'requested',
  'agent.retry_requested': 'requested',
  'agent.launching': 'launching',
  'agent.booting': 'booting',
  'agent.ready': 'ready',
  'agent.stop_requested': 'stopping',
  'agent.stopped': 'stopped',
  'agent.start_requested': 'starting',
  'agent.failed': 'failed',
  'agent.quarantined': 'failed',
  'agent.delete_requested': 'deleting',
  'agent.deleted': 'deleted',
}

/** What is older is cut off. */
const TIMELINE_LENGTH = 60

const lastTold = (events: readonly Row[], on: AuditAction, off: AuditAction): boolean | undefined => {
  const last = events.findLast(({ action }) => action === on || action === off)
  return last === undefined ? undefined : last.action === on
}

const judgeAgent = (agent: Row, events: readonly Row[]): string[] => {
  const said = events.flatMap(({ action }) => BECOMES[action as AuditAction] ?? [])
  // A try at the next subnet is another launch in the same state.
  const states = said.filter((status, index) => status !== 'launching' || said[index - 1] !== 'launching')
  const shown: string[] = agent.timeline.map(({ status }: Row) => status)
  const found: string[] = []
  const told = shown.length < TIMELINE_LENGTH ? states : states.slice(-shown.length)
  if (told.join(' ') !== shown.join(' '))
    found.push(`I-21 ${agent.agentId} went ${shown.join(' ')} and its trail says ${states.join(' ')}`)
  const begun = events.find(({ action }) => action === 'agent.onboarded')?.detail.supportAccess
  const support = lastTold(events, 'agent.support_access_on', 'agent.support_access_off') ?? begun
  if (support !== agent.supportAccess) found.push(`I-21 ${agent.agentId} has support ${agent.supportAccess} untold`)
  return found
}

const judgeInvite = ({ inviteId, state }: Row, events: readonly Row[]): string[] => {
  const count = (action: AuditAction): number => events.filter((event) => event.action === action).length
  const told = [count('invite.issued'), count('invite.redeemed'), count('invite.revoked')].join(' ')
  const due = [1, Number(state === 'redeemed'), Number(state === 'revoked')].join(' ')
  return told === due ? [] : [`I-21 invite ${inviteId} is ${state}, told ${told}`]
}

const judgeTenant = ({ tenantId, status }: Row, events: readonly Row[]): string[] => {
  const isSuspended = lastTold(events, 'tenant.suspended', 'tenant.resumed') ?? false
  return isSuspended === (status === 'suspended') ? [] : [`I-21 tenant ${tenantId} is ${status} untold`]
}

/** Says which rows and which of the trails' events do not belong together. */
export const findTrailViolations = (
  world: { agents: readonly Row[]; invites: readonly Row[]; tenants: readonly Row[]; tokens: readonly Row[] },
  events: readonly Row[],
): string[] => {
  const byTarget = Map.groupBy(events, ({ target }) => String(target))
  const of = (target: string): Row[] => byTarget.get(target) ?? []
  const made = events.filter(({ action }) => action === 'token.created').map(({ target }) => target)
  const revoked = events.filter(({ action }) => action === 'token.revoked').map(({ target }) => target)
  const known = new Set(world.agents.map(({ agentId }) => agentId))
  const ofNobody = events.filter(
    ({ action, target }) => BECOMES[action as AuditAction] !== undefined && !known.has(target),
  )
  const kept = world.tokens.map(({ tokenId }) => tokenId)
  const told = made.filter((id) => !revoked.includes(id))
  const tokens =
    told.toSorted().join(' ') === kept.toSorted().join(' ')
      ? []
      : [`I-21 tokens ${kept.join(' ')}, told ${told.join(' ')}`]
  return [
    ...world.agents.flatMap((agent) => judgeAgent(agent, of(agent.agentId))),
    ...world.invites.flatMap((invite) => judgeInvite(invite, of(invite.inviteId))),
    ...world.tenants.flatMap((tenant) => judgeTenant(tenant, of(tenant.tenantId))),
    ...tokens,
    ...ofNobody.map(({ action, target }) => `I-21 ${action} is told of ${target}, which is nowhere`),
  ]
}
