import * as z from 'zod/mini'
import { ActorKind, AuditAction } from '../contract/audit.ts'

/** What an event holds wherever it is kept, but for its place in its chain, which a row spells as text. */
export const eventFields = {
  chain: z.string(),
  id: z.string(),
  at: z.string(),
  action: AuditAction,
  target: z.string(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  previousHash: z.string(),
  hash: z.string(),
}

/** An event and the head of a chain as their rows hold them. */
export const StoredEvent = z.object({
  ...eventFields,
  sequence: z.pipe(z.string(), z.transform(Number)),
  actor: z.object({ kind: ActorKind, id: z.string() }),
})
export const StoredHead = z.object({ sequence: z.number(), hash: z.string() })
