import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type ChainHead, genesisOf } from '../lambdas/audit/chain.ts'
import { endOf, readSegment, type SegmentBreak } from '../lambdas/audit/segment.ts'
import { PLATFORM_CHAIN } from '../lambdas/contract/names.ts'
import { type LiveChain, MEANING, readExpected, readLiveChains } from './audit.ts'
import { ApiRefusal, type AtSite, type Bare, textOption } from './context.ts'
import { EXIT, type Exit, type Found, Misuse } from './output.ts'

/** The archivist runs every quarter of an hour; what is older than this should lie in the archive. */
const LATE_MILLISECONDS = 3_600_000

const SEGMENT_NAME = /^\d{12}\.jsonl$/

const SEGMENT_MEANING: Record<SegmentBreak['problem'], string> = {
  ...MEANING,
  repeated: 'begins the segment, where another was expected',
  unreadable: 'is no event',
}

interface ArchivedChain {
  chain: string
  segments: number
  end: ChainHead
  broken: (SegmentBreak & { file: string }) | null
  hashes: ReadonlySet<string>
}

/** The segments below a folder, by chain, in their order: each in the folder of its chain, wherever that lies. */
const listSegments = (folder: string): Map<string, string[]> => {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && SEGMENT_NAME.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
  return Map.groupBy(files, (file) => basename(dirname(file)))
}

const verifyChain = (chain: string, files: readonly string[]): ArchivedChain => {
  const hashes = new Set<string>()
  let end = genesisOf(chain)
  for (const [segments, file] of files.entries()) {
    const name = basename(file)
    const read = readSegment(chain, end, { name, text: readFileSync(file, 'utf8') })
    if (!read.ok) return { chain, segments, end, hashes, broken: { ...read.failure, file: name } }
    for (const { hash } of read.value) hashes.add(hash)
    end = endOf(end, read.value)
  }
  return { chain, segments: files.length, end, hashes, broken: null }
}

const tell = ({ chain, segments, end, broken }: ArchivedChain): string =>
  broken === null
    ? `${chain}: ${end.sequence} events in ${segments} segments, whole. Last hash ${end.hash}`
    : `${chain}: BROKEN. Event ${broken.sequence} ${SEGMENT_MEANING[broken.problem]} (${broken.file}).`

interface Compared {
  chain: string
  agrees: boolean
  words: string
}

/** Whether one chain of the live trail goes on from where its archive ends, and not for longer than the archivist takes. */
const compare = ({ chain, events, broken }: LiveChain, { end }: Pick<ArchivedChain, 'end'>, now: Date): Compared => {
  const says = (agrees: boolean, words: string): Compared => ({ chain, agrees, words: `${chain}: ${words}` })
  if (broken !== null)
    return says(false, `the live trail is BROKEN. Event ${broken.sequence} ${MEANING[broken.problem]}.`)
  const same = end.sequence === 0 || events[end.sequence - 1]?.hash === end.hash
  if (!same) return says(false, `the live trail is NOT what was archived: event ${end.sequence} is not the same.`)
  const next = events[end.sequence]
  const after = events.length - end.sequence
  if (next === undefined) return says(true, 'the live trail agrees, to its last event.')
  return now.getTime() - new Date(next.at).getTime() > LATE_MILLISECONDS
    ? says(false, `the archive ENDS EARLY: ${after} events are missing, the first of ${next.at}.`)
    : says(true, `the live trail agrees; ${after} newer events are not archived yet.`)
}

/**
 * Each chain that the caller may see, and those that are in the archive alone; but the latter only for who may see all, which
 * the platform's own chain shows, or for whom nothing at all is left.
 */
const compareAll = (live: readonly LiveChain[], archived: readonly ArchivedChain[], now: Date): Compared[] => {
  const seesAll = live.length === 0 || live.some(({ chain }) => chain === PLATFORM_CHAIN)
  const gone = archived.filter(({ chain }) => seesAll && !live.some((one) => one.chain === chain))
  return [
    ...live.map((one) => {
      const kept = archived.find(({ chain }) => chain === one.chain)
      return compare(one, kept ?? { end: genesisOf(one.chain) }, now)
    }),
    ...gone.map(({ chain }) => ({ chain, agrees: false, words: `${chain}: GONE from the live trail.` })),
  ]
}

type Live = { compared: Compared[] } | { because: string; exit: Exit }

const askLive = async (bare: Bare, at: AtSite | null, archived: readonly ArchivedChain[]): Promise<Live> => {
  if (at === null) return { because: 'Not signed in to any site.', exit: EXIT.done }
  try {
    return { compared: compareAll(await readLiveChains({ ...bare, ...at }), archived, bare.now()) }
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error
    return { because: error.message, exit: error.exit }
  }
}

/**
 * Verifies a downloaded archive by itself, from its start, and names the first break of each chain. Where there is a site to
 * ask, says whether the live trail goes on from it.
 */
export const verifyArchive = async (bare: Bare, at: AtSite | null): Promise<Found> => {
  const folder = textOption(bare, 'archive') ?? ''
  const expected = readExpected(bare)
  const files = existsSync(folder) ? listSegments(folder) : new Map<string, string[]>()
  if (files.size === 0)
    throw new Misuse(`There are no segments of a trail in ${folder}. docs/runbook.md says how to download them.`)
  const archived = [...files].map(([chain, names]) => verifyChain(chain, names))
  const live = await askLive(bare, at, archived)
  const isMissing = expected !== undefined && !archived.some(({ hashes }) => hashes.has(expected))
  const compared = 'compared' in live ? live.compared : []
  const isWhole = archived.every(({ broken }) => broken === null) && !isMissing
  const lines = [
    ...archived.map(tell),
    ...(isMissing ? [`The event with the hash ${expected} is gone: the archive was cut short.`] : []),
    ...('compared' in live ? compared.map(({ words }) => words) : [`The live trail was not compared. ${live.because}`]),
  ]
  return {
    value: {
      chains: archived.map(({ chain, segments, end, broken }) => ({ chain, segments, end, broken })),
      expected: expected === undefined ? undefined : { hash: expected, found: !isMissing },
      live: 'compared' in live ? compared.map(({ chain, agrees }) => ({ chain, agrees })) : undefined,
    },
    words: lines.join('\n'),
    exit: !isWhole || compared.some(({ agrees }) => !agrees) ? EXIT.refused : 'exit' in live ? live.exit : EXIT.done,
  }
}
