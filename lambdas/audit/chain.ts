import type { ActorKind, AuditAction } from '../contract/audit.ts'
import { sha256Hex } from '../core/digest.ts'

/** Pure: no I/O, no clock. */

export type AuditDetail = Record<string, string | number | boolean>

/** What a use case says happened; the trail adds id, time and the link. */
export interface AuditDraft {
  actor: { kind: ActorKind; id: string }
  action: AuditAction
  target: string
  detail: AuditDetail
}

export interface AuditEvent extends AuditDraft {
  chain: string
  sequence: number
  id: string
  at: string
  previousHash: string
  hash: string
}

export interface ChainHead {
  sequence: number
  hash: string
}

/** What an empty chain starts from; distinct per chain, so that one chain's events cannot be moved to another. */
export const genesisOf = (chain: string): ChainHead => ({ sequence: 0, hash: sha256Hex(`vestibule-audit:${chain}`) })

/** A detail's names in one order: a store may give them back in another. */
export const sortDetail = (detail: AuditDetail): [string, string | number | boolean][] =>
  Object.entries(detail).toSorted(([left], [right]) => (left < right ? -1 : 1))

const hashOf = (event: Omit<AuditEvent, 'hash'>): string =>
  sha256Hex(
    JSON.stringify([
      event.chain,
      event.sequence,
      event.id,
      event.at,
      event.actor.kind,
      event.actor.id,
      event.action,
      event.target,
      sortDetail(event.detail),
      event.previousHash,
    ]),
  )

/** Links a draft to the chain: its hash covers every field and the hash before it. */
export const linkEvent = (chain: string, head: ChainHead, id: string, at: Date, draft: AuditDraft): AuditEvent => {
  const event = {
    ...draft,
    chain,
    sequence: head.sequence + 1,
    id,
    at: at.toISOString(),
    previousHash: head.hash,
  }
  return { ...event, hash: hashOf(event) }
}

export type ChainBreak = { sequence: number; problem: 'missing' | 'altered' | 'unlinked' | 'truncated' }

/**
 * Walks a chain from its start, or on from a place that is known to be good. Null when it is whole; else the first place
 * that is not as it was written.
 */
export const findChainBreak = (
  chain: string,
  events: readonly AuditEvent[],
  head: ChainHead | null,
  start: ChainHead = genesisOf(chain),
): ChainBreak | null => {
  let previous = start
  for (const event of events) {
    const sequence = previous.sequence + 1
    if (event.sequence !== sequence) return { sequence, problem: 'missing' }
    if (event.chain !== chain || hashOf(event) !== event.hash) return { sequence, problem: 'altered' }
    if (event.previousHash !== previous.hash) return { sequence, problem: 'unlinked' }
    previous = { sequence, hash: event.hash }
  }
  if (head !== null && (head.sequence !== previous.sequence || head.hash !== previous.hash)) {
    return { sequence: previous.sequence + 1, problem: 'truncated' }
  }
  return null
}
