import { type AuditEvent, type ChainBreak, findChainBreak, genesisOf } from '../lambdas/audit/chain.ts'
import { PLATFORM_CHAIN } from '../lambdas/contract/names.ts'
import type { AnswerOf } from '../web/api.ts'
import { type Context, must, textOption } from './context.ts'
import { EXIT, type Found, Misuse } from './output.ts'
import { readAllPages } from './pages.ts'

type EventBody = AnswerOf<'GET /api/audit'>['events'][number]

const readTrail = async ({ call }: Context): Promise<EventBody[]> => {
  const { account, tenant } = must(await call('GET /api/session'))
  return readAllPages(async (query) => {
    const { events, nextCursor } = must(
      account?.role === 'admin'
        ? await call('GET /api/admin/audit', { query })
        : await call('GET /api/audit', { query }),
    )
    return { rows: events.map((event) => (tenant === null ? event : { ...event, tenantId: tenant.id })), nextCursor }
  })
}

/** One chain as the service tells it, walked from its first event. */
export interface LiveChain {
  chain: string
  events: readonly AuditEvent[]
  lastHash: string
  broken: ChainBreak | null
}

/** Reads every chain that the caller may see, and recomputes every hash. */
export const readLiveChains = async (context: Context): Promise<LiveChain[]> => {
  const chains = Map.groupBy(await readTrail(context), ({ tenantId }) => tenantId ?? PLATFORM_CHAIN)
  return [...chains].map(([chain, bodies]) => {
    let previousHash = genesisOf(chain).hash
    const events: AuditEvent[] = bodies
      .toSorted((left, right) => left.sequence - right.sequence)
      .map((body) => {
        const { tenantId: _, ...event } = { ...body, chain, previousHash }
        previousHash = body.hash
        return event
      })
    return { chain, events, lastHash: previousHash, broken: findChainBreak(chain, events, null) }
  })
}

/** The hash that an earlier run printed, if one was given. */
export const readExpected = (bare: Pick<Context, 'options'>): string | undefined => {
  const expected = textOption(bare, 'expect')
  if (expected !== undefined && !/^[0-9a-f]{64}$/.test(expected))
    throw new Misuse('--expect is the hash that an earlier run printed.')
  return expected
}

/** The trail as it is served says nothing of its own end, so the last two are never found here; `--expect` finds a cut. */
export const MEANING = {
  missing: 'is not there',
  altered: 'is not as it was written',
  unlinked: 'does not follow from the one before it',
  truncated: 'and all after it are gone',
} as const

/** Walks each chain from its first event and recomputes every hash. Names the first break. */
export const verifyTrail = async (context: Context): Promise<Found> => {
  const expected = readExpected(context)
  const chains = await readLiveChains(context)
  const isMissing = expected !== undefined && !chains.some(({ events }) => events.some(({ hash }) => hash === expected))
  if (chains.length === 0) {
    return {
      value: { chains: [] },
      words:
        'The trail is empty, and a trail never is. Ask the operator to compare the audit table with its last backup.',
      exit: EXIT.refused,
    }
  }
  const results = chains.map(({ events, ...rest }) => ({ ...rest, events: events.length }))
  const lines = results.map(({ chain, events, lastHash, broken }) =>
    broken === null
      ? `${chain}: ${events} events, whole. Last hash ${lastHash}`
      : `${chain}: BROKEN. Event ${broken.sequence} ${MEANING[broken.problem]}.`,
  )
  if (isMissing) lines.push(`The event with the hash ${expected} is gone: the trail was cut short or written anew.`)
  return {
    value: { chains: results, expected: expected === undefined ? undefined : { hash: expected, found: !isMissing } },
    words: [
      ...lines,
      'Keep the last hash: vestibule audit verify --expect <hash> says whether the trail still goes on from it.',
    ].join('\n'),
    exit: isMissing || results.some(({ broken }) => broken !== null) ? EXIT.refused : EXIT.done,
  }
}
