import { ARCHIVIST_SECONDS } from '../contract/facts.ts'
import { auditSegmentName } from '../contract/names.ts'
import { addSeconds, type Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { ArchiveBucket } from './archive-bucket.aws.ts'
import type { ArchiveCursor, ArchiveCursors } from './archive-cursors.aws.ts'
import { type ChainHead, findChainBreak } from './chain.ts'
import { composeSegment, endOf, fitSegment, readSegment, SEGMENT_MAX_EVENTS, type SegmentBreak } from './segment.ts'
import { BEGINNING, type TrailReader } from './trail-reader.aws.ts'

export interface ArchiveDeps {
  trail: TrailReader
  cursors: ArchiveCursors
  bucket: ArchiveBucket
  clock: Clock
  random: Random
  logger: Logger
}

const PASS_SECONDS = ARCHIVIST_SECONDS - 60
/** So that one chain with much behind it does not take the whole pass. */
const SEGMENTS_AT_A_TIME = 20
const HEADS_AT_A_TIME = 100
/** Longer than a function lives: an event is dated before it is committed, and its index follows later still. */
const LATE_SECONDS = 15 * 60

/** Makes known every chain that wrote since the last look. Returns all that are known. */
const findChains = async ({ trail, cursors, clock }: ArchiveDeps, endsAt: Date): Promise<ArchiveCursor[]> => {
  const { cursors: known, seenUntil } = await cursors.readAll()
  const all = new Map(known.map((cursor) => [cursor.chain, cursor]))
  const since = seenUntil === '' ? BEGINNING : addSeconds(new Date(seenUntil), -LATE_SECONDS).toISOString()
  let startKey: Record<string, unknown> | undefined
  do {
    const { places, next } = await trail.listSince(since, startKey)
    for (const { chain } of places) if (!all.has(chain)) all.set(chain, await cursors.add(chain))
    // An event dated in the future must not make us blind until then.
    const until = [places.at(-1)?.at ?? '', clock.now().toISOString()].toSorted()[0] ?? ''
    if (until > seenUntil) await cursors.noteSeen(until)
    startKey = next
  } while (startKey !== undefined && clock.now() < endsAt)
  return [...all.values()]
}

type Left = 'left to another copy'

/** Puts the next segment of one chain and moves its cursor. The put decides: what lies there already is taken as it is, if it is true. */
const archiveNext = async (
  { trail, cursors, bucket }: ArchiveDeps,
  cursor: ArchiveCursor,
  head: ChainHead,
): Promise<Result<ArchiveCursor | Left, SegmentBreak>> => {
  const { chain, sequence } = cursor
  const to = Math.min(head.sequence, sequence + SEGMENT_MAX_EVENTS)
  const read = await trail.readEvents(chain, sequence, to)
  const broken = findChainBreak(chain, read, to === head.sequence ? head : null, cursor)
  if (broken !== null) return fail(broken)
  if (read.length < to - sequence) return fail({ sequence: sequence + read.length + 1, problem: 'missing' })
  const text = composeSegment(chain, cursor, fitSegment(read))
  const lying = await bucket.put(chain, sequence + 1, text)
  if (lying === null) return ok('left to another copy')
  const held = readSegment(chain, cursor, { name: auditSegmentName(sequence + 1), text: lying })
  if (!held.ok) return held
  const end = endOf(cursor, held.value)
  if (lying !== text) {
    const live = await trail.readEvents(chain, sequence, end.sequence)
    if (composeSegment(chain, cursor, live) !== lying) return fail({ sequence: sequence + 1, problem: 'altered' })
  }
  return ok((await cursors.advance(cursor, end)) ? { chain, ...end } : 'left to another copy')
}

/** Brings one chain up to its head, or as far as its turn goes. */
const archiveChain = async (
  deps: ArchiveDeps,
  cursor: ArchiveCursor,
  head: ChainHead | null,
  endsAt: Date,
): Promise<Result<number, SegmentBreak>> => {
  if (head === null || head.sequence < cursor.sequence)
    return fail({ sequence: (head?.sequence ?? 0) + 1, problem: 'truncated' })
  let at = cursor
  for (let put = 0; ; put += 1) {
    if (at.sequence === head.sequence)
      return at.hash === head.hash ? ok(put) : fail({ sequence: at.sequence, problem: 'altered' })
    if (put >= SEGMENTS_AT_A_TIME || deps.clock.now() >= endsAt) return ok(put)
    const next = await archiveNext(deps, at, head)
    if (!next.ok) return next
    if (next.value === 'left to another copy') return ok(put)
    at = next.value
  }
}

/** Begins anywhere, so that a pass that cannot reach everybody leaves nobody behind for long. */
const fromAnywhere = <T>(all: readonly T[], random: Random): T[] => {
  const start = all.length === 0 ? 0 : random.bytes(4).readUInt32BE() % all.length
  return [...all.slice(start), ...all.slice(0, start)]
}

export interface ArchivePass {
  /** Segments put, or found and taken. */
  segments: number
  /** Chains that are no longer what their archive says. */
  differing: number
  failed: number
}

/**
 * Appends what every chain wrote to the archive. A crash anywhere, or a second copy beside this one, loses nothing and writes
 * nothing twice. A chain that is not what was archived is left as it lies, and said loudly, in every pass.
 */
export const archiveTrail = async (deps: ArchiveDeps): Promise<ArchivePass> => {
  const { trail, clock, random, logger } = deps
  const endsAt = addSeconds(clock.now(), PASS_SECONDS)
  const pass: ArchivePass = { segments: 0, differing: 0, failed: 0 }
  const cursors = fromAnywhere(await findChains(deps, endsAt), random)
  for (let place = 0; place < cursors.length && clock.now() < endsAt; place += HEADS_AT_A_TIME) {
    const some = cursors.slice(place, place + HEADS_AT_A_TIME)
    const heads = await trail.readHeads(some.map(({ chain }) => chain))
    for (const [index, cursor] of some.entries()) {
      const { chain } = cursor
      try {
        const done = await archiveChain(deps, cursor, heads[index] ?? null, endsAt)
        if (done.ok) {
          pass.segments += done.value
          continue
        }
        pass.differing += 1
        const { sequence, problem } = done.failure
        logger.error('the trail differs from its archive', { chain, sequence, reason: problem })
      } catch (error) {
        pass.failed += 1
        const errorName = error instanceof Error ? error.name : 'unknown'
        logger.error('archiving one chain failed', { chain, errorName })
      }
    }
  }
  return pass
}
