import * as z from 'zod/mini'
import { ActorKind } from '../contract/audit.ts'
import { auditSegmentName } from '../contract/names.ts'
import { parseJson } from '../core/json.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { type AuditEvent, type ChainBreak, type ChainHead, findChainBreak, sortDetail } from './chain.ts'
import { eventFields } from './stored.ts'

/** Pure: no I/O, no clock. A segment is a run of one chain's events as JSON lines, under a line that says where it goes on from. */

export const SEGMENT_MAX_EVENTS = 500
const SEGMENT_MAX_BYTES = 512 * 1024
const FORMAT = 'vestibule-audit-segment-1'

/** Every field that the hash covers, and the hash, in one order: the same events are the same bytes. */
const toLine = (event: AuditEvent): string =>
  JSON.stringify({
    chain: event.chain,
    sequence: event.sequence,
    id: event.id,
    at: event.at,
    actor: { kind: event.actor.kind, id: event.actor.id },
    action: event.action,
    target: event.target,
    detail: Object.fromEntries(sortDetail(event.detail)),
    previousHash: event.previousHash,
    hash: event.hash,
  })

/** As many of the events as one segment may hold; at least one, if there is one. */
export const fitSegment = (events: readonly AuditEvent[]): readonly AuditEvent[] => {
  let bytes = 0
  const tooMany = events.findIndex((event, index) => {
    bytes += Buffer.byteLength(toLine(event)) + 1
    return index > 0 && (index >= SEGMENT_MAX_EVENTS || bytes > SEGMENT_MAX_BYTES)
  })
  return tooMany === -1 ? events : events.slice(0, tooMany)
}

/** The text of the segment that goes on from `start`. */
export const composeSegment = (chain: string, start: ChainHead, events: readonly AuditEvent[]): string => {
  const link = {
    format: FORMAT,
    chain,
    from: start.sequence + 1,
    to: start.sequence + events.length,
    previousHash: start.hash,
  }
  return `${[JSON.stringify(link), ...events.map(toLine)].join('\n')}\n`
}

const SegmentEvent = z.strictObject({
  ...eventFields,
  sequence: z.int(),
  actor: z.strictObject({ kind: ActorKind, id: z.string() }),
})
const SegmentLink = z.object({ to: z.int() })

export interface SegmentFile {
  name: string
  text: string
}

/** `repeated`: it begins with what another segment holds already. `unreadable`: its line is no event. */
export interface SegmentBreak {
  sequence: number
  problem: ChainBreak['problem'] | 'repeated' | 'unreadable'
}

const parseLine = <S extends z.ZodMiniType>(schema: S, line: string): z.output<S> | null => {
  const json = parseJson(line)
  const parsed = json.ok ? schema.safeParse(json.value) : null
  return parsed?.success === true ? parsed.data : null
}

/**
 * Checks the segment that is to go on from `start`: its name, every event, every link, every byte. Gives its events, or the
 * first place that is not as it was written.
 */
export const readSegment = (
  chain: string,
  start: ChainHead,
  { name, text }: SegmentFile,
): Result<readonly AuditEvent[], SegmentBreak> => {
  const next = start.sequence + 1
  if (name < auditSegmentName(next)) return fail({ sequence: next, problem: 'repeated' })
  if (name > auditSegmentName(next)) return fail({ sequence: next, problem: 'missing' })
  const [first = '', ...lines] = text.split('\n').slice(0, -1)
  const events: AuditEvent[] = []
  for (const line of lines) {
    const event = parseLine(SegmentEvent, line)
    if (event === null) return fail({ sequence: next + events.length, problem: 'unreadable' })
    events.push(event)
  }
  const broken = findChainBreak(chain, events, null, start)
  if (broken !== null) return fail(broken)
  if (events.length === 0 || events.length < (parseLine(SegmentLink, first)?.to ?? 0) - start.sequence)
    return fail({ sequence: next + events.length, problem: 'missing' })
  // What parses alike need not be alike: another spelling of a text, a line end, the first line.
  return composeSegment(chain, start, events) === text ? ok(events) : fail({ sequence: next, problem: 'altered' })
}

/** Where a chain ends that goes on with these events. */
export const endOf = (start: ChainHead, events: readonly AuditEvent[]): ChainHead => {
  const last = events.at(-1)
  return last === undefined ? start : { sequence: last.sequence, hash: last.hash }
}
