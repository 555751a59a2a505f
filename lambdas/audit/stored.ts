import * as z from 'zod/mini'
import { ActorKind, AuditAction } from '../contract/audit.ts'

/** An event and the head of a chain as their rows hold them. */
export const StoredEvent = z.object({
  chain: z.string(),
  sequence: z.pipe(z.string(), z.transform(Number)),
  id: z.string(),
  at: z.string(),
  actor: z.object({ kind: ActorKind, id: z.string() }),
  action: AuditAction,
  target: z.string(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  previousHash: z.string(),
  hash: z.string(),
})
export const StoredHead = z.object({ sequence: z.number(), hash: z.string() })
