import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import { STRAY_GRACE_SECONDS } from '../contract/facts.ts'
import type { StrayKind } from '../contract/names.ts'
import { addSeconds, type Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { type StrayKindDeps, strayKindRules, type StrayKindRules, type Thing } from './stray-kinds.ts'
import type { Stray, StrayStore } from './stray-store.aws.ts'

export interface SweepDeps extends StrayKindDeps {
  strays: StrayStore
  audit: AuditTrail
  clock: Clock
  logger: Logger
}

/** So many in one pass: should rows be lost, machines do not all follow before somebody has seen the first events. */
const ENDED_AT_ONCE = 20
const MARKED_AT_ONCE = 100

const RECONCILER = { kind: 'system', id: 'reconciler' } as const

/** Everything of the kind that is old enough and has no owner, by its id; null when there was no time to see it all. */
const findUnowned = async (
  { clock }: SweepDeps,
  rules: StrayKindRules,
  endsAt: Date,
): Promise<Map<string, Thing> | null> => {
  const oldEnough = addSeconds(clock.now(), -STRAY_GRACE_SECONDS)
  const unowned = new Map<string, Thing>()
  for await (const page of rules.listUnowned()) {
    if (clock.now() >= endsAt) return null
    for (const thing of page) if (thing.madeAt <= oldEnough) unowned.set(thing.id, thing)
  }
  return unowned
}

/** Takes the mark away and writes down that its stray was ended, both or neither: of two copies of us one says so. */
const recordEnd = async ({ audit, strays }: SweepDeps, stray: Stray): Promise<void> => {
  const { kind, id, tenantId, agentId } = stray
  await audit.commit<'recorded'>({
    chain: tenantId,
    event: { actor: RECONCILER, action: 'stray.ended', target: agentId ?? tenantId, detail: { kind, id } },
    steps: () => [{ refusal: 'recorded', action: strays.unmarkStep(stray) }],
  })
}

/** What is marked and was not found again: it has an owner, was ended by somebody, or by us who then died. */
const forget = async (deps: SweepDeps, rules: StrayKindRules, stray: Stray): Promise<void> => {
  if (stray.endingAt !== undefined && !(await rules.isOwned(stray))) await recordEnd(deps, stray)
  else await deps.strays.unmark(stray)
}

const endStray = async (deps: SweepDeps, rules: StrayKindRules, stray: Stray): Promise<void> => {
  if (await rules.isOwned(stray)) return deps.strays.unmark(stray)
  if (!(await deps.strays.noteEnding(stray, deps.clock.now()))) return
  await rules.end(stray.id)
  await recordEnd(deps, stray)
  deps.logger.warn('stray ended', { reason: stray.kind, tenantId: stray.tenantId, agentId: stray.agentId })
}

/** Does one thing after the other until time is up; the trouble of one does not keep the others. */
const doEach = async (
  { clock, logger }: SweepDeps,
  strays: readonly Stray[],
  endsAt: Date,
  task: (stray: Stray) => Promise<unknown>,
): Promise<void> => {
  for (const stray of strays) {
    if (clock.now() >= endsAt) return
    try {
      await task(stray)
    } catch (error) {
      logger.error('sweeping one stray failed', {
        ...{ reason: stray.kind, tenantId: stray.tenantId, agentId: stray.agentId },
        errorName: error instanceof Error ? error.name : 'unknown',
      })
    }
  }
}

const sweepKind = async (deps: SweepDeps, kind: StrayKind, endsAt: Date): Promise<void> => {
  const rules = strayKindRules(deps)[kind]
  const marked = await deps.strays.listMarked(kind)
  const unowned = await findUnowned(deps, rules, endsAt)
  if (unowned === null) return deps.logger.error('strays could not all be looked for', { reason: kind })
  const now = deps.clock.now()
  const known = new Set(marked.map(({ id }) => id))
  const fresh = [...unowned.values()]
    .filter(({ id }) => !known.has(id))
    .map(({ id, tenantId, agentId }): Stray => ({ kind, id, tenantId, agentId, seenAt: now.toISOString() }))
  const gone = marked.filter(({ id }) => !unowned.has(id))
  const due = marked.filter(
    ({ id, seenAt }) => unowned.has(id) && addSeconds(new Date(seenAt), STRAY_GRACE_SECONDS) <= now,
  )
  await doEach(deps, gone, endsAt, (stray) => forget(deps, rules, stray))
  await doEach(deps, due.slice(0, ENDED_AT_ONCE), endsAt, (stray) => endStray(deps, rules, stray))
  await doEach(deps, fresh.slice(0, MARKED_AT_ONCE), endsAt, deps.strays.mark)
}

/**
 * Looks, once an hour for each kind and one kind at a time, for keys, secrets and machines that carry our tags and belong to
 * nobody. What is found is marked; what is found again after the grace time, and is still nobody's when it is asked once more,
 * is ended, with an event in its tenant's trail. Safe to run beside itself and to be broken off anywhere.
 */
export const sweepStrays = async (deps: SweepDeps, endsAt: Date): Promise<void> => {
  const kind = await deps.strays.claimSweep(deps.clock.now())
  if (kind !== null) await sweepKind(deps, kind, endsAt)
}
