import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import type { AgentStore } from '../agents/agent-store.aws.ts'
import type { AuditTrail } from '../audit/audit-trail.aws.ts'
import { KEY_REPLACEMENT_SECONDS } from '../contract/facts.ts'
import type { TenantId } from '../contract/ids.ts'
import { agentSecretName } from '../contract/names.ts'
import { readCursor } from '../contract/paging.ts'
import { addSeconds, type Clock } from '../core/clock.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { KeyHolder, TenantKeyReplacement } from './tenant-key-replacement.aws.ts'

export interface ReplaceTenantKeyDeps {
  tenants: Pick<TenantStore, 'read' | 'replaceKeyStep'>
  agents: Pick<AgentStore, 'list'>
  audit: Pick<AuditTrail, 'commit'>
  replacement: TenantKeyReplacement
  clock: Clock
  stage: string
}

/** The tenant's key as it is now, the one before it, and what this run did. */
export interface ReplacedTenantKey {
  did: 'replaced' | 'finished' | 'nothing'
  keyArn: string
  formerKeyArn: string
  movedSecrets: number
}

export type ReplaceTenantKeyFailure = { reason: 'no_tenant' } | { reason: 'no_key' } | { reason: 'replaced_meanwhile' }

const AGENTS_PER_PAGE = 100

const keyIdOf = (arn: string): string => arn.split('/').at(-1) ?? arn

const moveSecrets = async (
  { agents, replacement, stage }: ReplaceTenantKeyDeps,
  { tenantId, keyArn }: KeyHolder,
): Promise<number> => {
  let moved = 0
  let cursor: string[] | undefined
  do {
    const page = await agents.list(tenantId, { limit: AGENTS_PER_PAGE, cursor }, false)
    for (const { agentId } of page.items) {
      if (await replacement.moveSecret(agentSecretName(stage, tenantId, agentId), keyArn)) moved += 1
    }
    cursor = page.nextCursor === undefined ? undefined : readCursor(page.nextCursor)
  } while (cursor !== undefined)
  return moved
}

/** Brings alias and secrets to the key that the row names. */
const finish = async (
  deps: ReplaceTenantKeyDeps,
  holder: KeyHolder,
): Promise<{ didSomething: boolean; movedSecrets: number }> => {
  const movedAlias = await deps.replacement.moveAlias(holder)
  const movedSecrets = await moveSecrets(deps, holder)
  return { didSomething: movedAlias || movedSecrets > 0, movedSecrets }
}

/**
 * Gives a tenant another key. The row decides: it changes once, together with the one event, and alias and secrets follow it.
 * A run that was cut off is gone on with by the next: a key that it left is used, and where the row has changed already no
 * other key is made as long as something is left to do, nor for a day.
 */
export const replaceTenantKey = async (
  deps: ReplaceTenantKeyDeps,
  tenantId: TenantId,
): Promise<Result<ReplacedTenantKey, ReplaceTenantKeyFailure>> => {
  const { tenants, audit, replacement, clock } = deps
  const tenant = await tenants.read(tenantId)
  if (tenant === null) return fail({ reason: 'no_tenant' })
  const { keyArn, formerKeyArns = [], keyReplacedAt } = tenant
  if (keyArn === undefined) return fail({ reason: 'no_key' })
  const holder: KeyHolder = { tenantId, keyArn, formerKeyArns }
  const swapped = await replacement.findSwapped(holder)
  const formerKeyArn = formerKeyArns.at(-1)
  if (swapped === null && formerKeyArn !== undefined && keyReplacedAt !== undefined) {
    const { didSomething, movedSecrets } = await finish(deps, holder)
    const done = { keyArn, formerKeyArn, movedSecrets }
    if (didSomething) return ok({ did: 'finished', ...done })
    if (clock.now() < addSeconds(keyReplacedAt, KEY_REPLACEMENT_SECONDS)) return ok({ did: 'nothing', ...done })
  }
  const nextKeyArn = await replacement.prepare(holder, swapped)
  const committed = await audit.commit<'replaced_meanwhile'>({
    chain: tenantId,
    event: {
      actor: { kind: 'system', id: 'operator' },
      action: 'tenant.key_replaced',
      target: tenantId,
      detail: { from: keyIdOf(keyArn), to: keyIdOf(nextKeyArn) },
    },
    steps: () => [
      {
        refusal: 'replaced_meanwhile',
        action: tenants.replaceKeyStep(holder, nextKeyArn, clock.now()),
      },
    ],
  })
  if (!committed.ok) return committed
  const next = { tenantId, keyArn: nextKeyArn, formerKeyArns: [...formerKeyArns, keyArn] }
  const { movedSecrets } = await finish(deps, next)
  return ok({ did: 'replaced', keyArn: nextKeyArn, formerKeyArn: keyArn, movedSecrets })
}
