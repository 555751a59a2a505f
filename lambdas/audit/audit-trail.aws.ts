import { type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb'
import { callAws, DependencyError } from '../aws/errors.aws.ts'
import { queryIndexPage, queryPage } from '../aws/paging.aws.ts'
import { transact, type TransactStep } from '../aws/transact.aws.ts'
import { newEventId } from '../contract/ids.ts'
import { AUDIT_TIME_INDEX, auditKey, chainHeadKey } from '../contract/names.ts'
import type { Page } from '../contract/paging.ts'
import { pauseWithJitter } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { createKeyedMutex } from '../core/keyed-mutex.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { type AuditDraft, type AuditEvent, type ChainHead, genesisOf, linkEvent } from './chain.ts'
import { StoredEvent, StoredHead } from './stored.ts'

const MAX_ATTEMPTS = 40
const REMEMBERED_HEADS = 1_000
/** Under which the index of all chains lists them. */
export const ALL_CHAINS = 'all'

const toItem = (event: AuditEvent) => ({
  ...event,
  ...auditKey(event.chain, event.sequence),
  listed: ALL_CHAINS,
  listedAt: `${event.at}#${event.id}`,
})

/** A change and the one event that tells of it. `steps` gets the event's sequence: the tenant's own logical clock. */
export interface AuditedChange<R extends string> {
  chain: string
  event: AuditDraft
  steps: (sequence: number) => readonly TransactStep<R>[]
  /** True where this is a chain's first event by its nature: spares the look for a head that is not there. */
  startsChain?: boolean
}

/**
 * The append-only trail. An event is written in the same transaction as its change; its place in the chain can be taken
 * once, so writers that race for it retry with the new head. Heads live in the directory table, apart from the events, and
 * show a chain that was cut short.
 */
export const createAuditTrail = (deps: {
  dynamo: DynamoDBDocumentClient
  auditTable: string
  directoryTable: string
  clock: Clock
  random: Random
}) => {
  const { dynamo, auditTable, directoryTable, clock, random } = deps
  const heads = new Map<string, ChainHead>()
  const runExclusive = createKeyedMutex()

  const readHead = async (chain: string): Promise<ChainHead | null> => {
    const { Item } = await callAws('dynamodb', () =>
      dynamo.send(new GetCommand({ TableName: directoryTable, Key: chainHeadKey(chain), ConsistentRead: true })),
    )
    return Item === undefined ? null : StoredHead.parse(Item)
  }

  const rememberHead = (chain: string, head: ChainHead): void => {
    if (heads.size >= REMEMBERED_HEADS) heads.clear()
    heads.set(chain, head)
  }

  const appendSteps = (head: ChainHead, event: AuditEvent): TransactStep<'head_moved'>[] => [
    {
      refusal: 'head_moved',
      action: {
        Put: {
          TableName: auditTable,
          Item: toItem(event),
          ConditionExpression: 'attribute_not_exists(#chain)',
          ExpressionAttributeNames: { '#chain': 'chain' },
        },
      },
    },
    {
      refusal: 'head_moved',
      action: {
        Update: {
          TableName: directoryTable,
          Key: chainHeadKey(event.chain),
          UpdateExpression: 'SET #sequence = :sequence, #hash = :hash',
          ConditionExpression: head.sequence === 0 ? 'attribute_not_exists(pk)' : '#sequence = :was',
          ExpressionAttributeNames: { '#sequence': 'sequence', '#hash': 'hash' },
          ExpressionAttributeValues: {
            ':sequence': event.sequence,
            ':hash': event.hash,
            ...(head.sequence === 0 ? {} : { ':was': head.sequence }),
          },
        },
      },
    },
  ]

  const commitOnce = async <R extends string>(
    change: AuditedChange<R>,
    isFirstTry: boolean,
  ): Promise<Result<AuditEvent, { reason: R | 'head_moved' }>> => {
    const known =
      heads.get(change.chain) ?? (isFirstTry && change.startsChain === true ? genesisOf(change.chain) : null)
    const head = known ?? (await readHead(change.chain)) ?? genesisOf(change.chain)
    const now = clock.now()
    const event = linkEvent(change.chain, head, newEventId(now, random), now, change.event)
    const steps: TransactStep<R | 'head_moved'>[] = [...change.steps(event.sequence), ...appendSteps(head, event)]
    heads.delete(change.chain)
    const committed = await transact(dynamo, random, steps)
    if (committed.ok) rememberHead(change.chain, event)
    else if (committed.failure.reason !== 'head_moved') rememberHead(change.chain, head)
    return committed.ok ? ok(event) : committed
  }

  /** Commits a change with its event, or neither. A new chain may be named: its first event starts it. */
  const commit = <R extends string>(change: AuditedChange<R>): Promise<Result<AuditEvent, { reason: R }>> =>
    runExclusive(change.chain, async () => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const committed = await commitOnce(change, attempt === 0)
        if (committed.ok) return committed
        const { reason } = committed.failure
        if (reason !== 'head_moved') return fail({ reason })
        await pauseWithJitter(random, Math.min(attempt, 5))
      }
      throw new DependencyError('dynamodb', 'throttled', new Error('the audit chain is too busy'))
    })

  /** Records something that changed nothing else: a refusal, a denial. */
  const record = async (chain: string, event: AuditDraft): Promise<void> => {
    await commit({ chain, event, steps: () => [] })
  }

  return {
    commit,
    record,
    readHead,
    /** One chain, newest first; optionally only what concerns one agent. */
    list: (chain: string, page: Page, agentId?: string) =>
      queryPage(
        dynamo,
        {
          TableName: auditTable,
          ConsistentRead: true,
          KeyConditionExpression: '#chain = :chain',
          ExpressionAttributeNames: { '#chain': 'chain' },
          ExpressionAttributeValues: { ':chain': chain, ...(agentId === undefined ? {} : { ':target': agentId }) },
          ...(agentId === undefined ? {} : { FilterExpression: 'target = :target' }),
        },
        { chain },
        ['sequence'],
        page,
        (item) => StoredEvent.parse(item),
      ),
    /** All chains by time, newest first. */
    listAll: (page: Page) =>
      queryIndexPage(
        dynamo,
        {
          table: auditTable,
          name: AUDIT_TIME_INDEX,
          attribute: 'listed',
          value: ALL_CHAINS,
          place: ['listedAt', 'chain', 'sequence'],
        },
        page,
        (item) => StoredEvent.parse(item),
      ),
  }
}

export type AuditTrail = ReturnType<typeof createAuditTrail>
