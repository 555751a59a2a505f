import { DeleteCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { archiveTrail } from '../../../lambdas/audit/archive-trail.ts'
import { createAuditTrail } from '../../../lambdas/audit/audit-trail.aws.ts'
import { ARCHIVIST_SECONDS } from '../../../lambdas/contract/facts.ts'
import { newTenantId } from '../../../lambdas/contract/ids.ts'
import {
  archiveCursorKey,
  auditKey,
  auditSegmentKey,
  chainHeadKey,
  PLATFORM_CHAIN,
} from '../../../lambdas/contract/names.ts'
import { createArchiveDeps } from '../../../lambdas/entry/archive-deps.aws.ts'
import { createEmbeddedAws, type EmbeddedAws } from '../../../local/aws/embedded-aws.ts'
import { AwsFault, type CallHook } from '../../../local/aws/service.ts'
import { ensureInstallation, localNames } from '../../../local/installation.ts'
import { createLogger } from '../../../lambdas/core/logger.ts'
import { readArchive, walkArchive } from '../../support/archive.ts'
import { createTestClock, START, type TestClock } from '../../support/clock.ts'
import { createCrash } from '../../support/crash.ts'
import { createSeededRandom } from '../../support/random.ts'

const TENANT = newTenantId(START, createSeededRandom('tenant'))
const OTHER = newTenantId(START, createSeededRandom('other'))

const NAMES = localNames('http://localhost:3000', '0.0.0-test')

/** One copy of the archivist, and of those who write the trail, on an embedded AWS. */
const openCopy = (aws: EmbeddedAws, clock: TestClock, { hook, seed }: { hook?: CallHook; seed?: string } = {}) => {
  const clients = aws.createClients(hook)
  const logs: string[] = []
  const random = createSeededRandom(seed)
  const logger = createLogger({ write: (line) => void logs.push(line) })
  const deps = createArchiveDeps(clients, NAMES, { clock, random, logger })
  const audit = createAuditTrail({ ...NAMES, dynamo: clients.dynamo, clock, random })
  return { aws, clock, clients, logs, audit, archive: () => archiveTrail(deps) }
}
type House = ReturnType<typeof openCopy>

const openHouse = async (seed?: string): Promise<House> => {
  const clock = createTestClock()
  const aws = await createEmbeddedAws({ directory: null, clock })
  await ensureInstallation(aws.createClients(), NAMES)
  return openCopy(aws, clock, { seed })
}

/** The same installation, seen by another copy of the product. */
const copyOf = ({ aws, clock }: House, hook?: CallHook): House => openCopy(aws, clock, { hook, seed: 'a copy' })

const record = async ({ audit }: House, chain: string, count: number): Promise<void> => {
  for (let made = 0; made < count; made += 1)
    await audit.record(chain, {
      actor: { kind: 'system', id: 'test' },
      action: 'access.denied',
      target: `t${made}`,
      detail: { z: made, a: 'first' },
    })
}

/** Two chains with something to archive. */
const withTrail = async (): Promise<House> => {
  const house = await openHouse()
  await record(house, PLATFORM_CHAIN, 3)
  await record(house, TENANT, 2)
  return house
}

const rowsOf = (aws: EmbeddedAws, chain: string): number[] =>
  aws.database
    .all("SELECT sk FROM ddb_item WHERE tbl = 'vestibule-audit' AND pk = ? ORDER BY sk", chain)
    .map(({ sk }) => Number(sk))

/** Says of each chain what its archive holds; throws where that does not follow from its start. */
const heldOf = (aws: EmbeddedAws, ...chains: string[]): number[][] => {
  const archive = readArchive(aws)
  return chains.map((chain) => {
    const { events, broken } = walkArchive(chain, archive.get(chain) ?? [])
    if (broken !== null) throw new Error(`the archive of ${chain} breaks: ${JSON.stringify(broken)}`)
    return events.map(({ sequence }) => sequence)
  })
}
const saidOf = ({ logs }: House) =>
  logs
    .map((line) => JSON.parse(line))
    .flatMap(({ level, msg, chain, sequence, reason, errorName }) =>
      level === 'error' ? [{ msg, chain, sequence, reason, errorName }] : [],
    )
const DIFFERS = 'the trail differs from its archive'

describe('archiving the trail', () => {
  it('A2 A8 puts what is new, each event once, and nothing where nothing is new', async () => {
    const house = await withTrail()

    expect(await house.archive()).toEqual({ segments: 2, differing: 0, failed: 0 })
    expect(await house.archive()).toEqual({ segments: 0, differing: 0, failed: 0 })
    await record(house, TENANT, 2)
    await record(house, OTHER, 1)
    expect(await house.archive()).toEqual({ segments: 2, differing: 0, failed: 0 })

    expect(heldOf(house.aws, PLATFORM_CHAIN, TENANT, OTHER)).toEqual([[1, 2, 3], [1, 2, 3, 4], [1]])
    expect([...readArchive(house.aws)].map(([chain, files]) => [chain, files.map(({ name }) => name)])).toEqual(
      [
        [PLATFORM_CHAIN, ['000000000001.jsonl']],
        [TENANT, ['000000000001.jsonl', '000000000003.jsonl']],
        [OTHER, ['000000000001.jsonl']],
      ].toSorted(([left], [right]) => (String(left) < String(right) ? -1 : 1)),
    )
    expect(saidOf(house)).toEqual([])
  })

  it('cuts a long chain into segments', async () => {
    const house = await openHouse()
    await record(house, TENANT, 503)
    expect(await house.archive()).toMatchObject({ segments: 2 })
    expect(
      readArchive(house.aws)
        .get(TENANT)
        ?.map(({ name }) => Number(name.slice(0, 12))),
    ).toEqual([1, 501])
    expect(heldOf(house.aws, TENANT)).toEqual([rowsOf(house.aws, TENANT)])
  })

  it('ends a pass in time, and reaches in the next ones what it did not', async () => {
    const house = await openHouse()
    const chains = Array.from({ length: 5 }, (_, index) => newTenantId(START, createSeededRandom(`chain ${index}`)))
    for (const chain of chains) await record(house, chain, 1)
    const slow = copyOf(house, async ({ operation }, proceed) => {
      if (operation === 'PutObject') house.clock.advanceSeconds(ARCHIVIST_SECONDS / 2)
      return proceed()
    })

    const passes = []
    for (let pass = 0; pass < 3; pass += 1) passes.push((await slow.archive()).segments)

    expect(passes).toEqual([2, 2, 1])
    expect(heldOf(house.aws, ...chains)).toEqual(chains.map(() => [1]))
  })

  it('finds a chain whose first event was dated before it could be seen, and is not blinded by a date to come', async () => {
    const house = await withTrail()
    house.clock.advanceSeconds(3600)
    await record(house, PLATFORM_CHAIN, 1)
    await house.archive()
    house.clock.advanceSeconds(-600)
    await record(house, TENANT, 1)
    await record(house, OTHER, 1)
    house.clock.advanceSeconds(86_400)
    await record(house, PLATFORM_CHAIN, 1)
    house.clock.advanceSeconds(-86_400 + 1200)

    await house.archive()
    expect(heldOf(house.aws, OTHER)).toEqual([[1]])
    const third = newTenantId(START, createSeededRandom('third'))
    await record(house, third, 1)
    await house.archive()
    expect(heldOf(house.aws, third)).toEqual([[1]])
  })

  it('passes over a row of the index that no writer of ours makes', async () => {
    const house = await withTrail()
    const forge = (chain: string, at: string) =>
      house.clients.dynamo.send(
        new PutCommand({
          TableName: 'vestibule-audit',
          Item: { ...auditKey(chain, 9), chain, at, listed: 'all', listedAt: `0${at}` },
        }),
      )
    await forge('../elsewhere', START.toISOString())
    await forge(OTHER, 'no time at all')

    expect(await house.archive()).toEqual({ segments: 2, differing: 0, failed: 0 })
  })
})

describe('a trail that was tampered with', () => {
  it('A2 is said loudly in every pass, keeps nobody else waiting, and leaves the archive as it is', async () => {
    const house = await withTrail()
    await house.archive()
    const before = readArchive(house.aws)
    for (const sequence of rowsOf(house.aws, TENANT))
      await house.clients.dynamo.send(
        new DeleteCommand({ TableName: 'vestibule-audit', Key: auditKey(TENANT, sequence) }),
      )
    await house.clients.dynamo.send(new DeleteCommand({ TableName: 'vestibule-directory', Key: chainHeadKey(TENANT) }))
    const again = copyOf(house)
    expect(await again.archive()).toMatchObject({ differing: 1 })
    await record(again, TENANT, 1)
    expect(await again.archive()).toMatchObject({ differing: 1 })
    await record(again, TENANT, 1)
    expect(await again.archive()).toMatchObject({ differing: 1 })
    await record(again, TENANT, 1)
    await record(again, PLATFORM_CHAIN, 1)
    expect(await again.archive()).toEqual({ segments: 1, differing: 1, failed: 0 })

    expect(saidOf(again)).toEqual([
      { msg: DIFFERS, chain: TENANT, sequence: 1, reason: 'truncated' },
      { msg: DIFFERS, chain: TENANT, sequence: 2, reason: 'truncated' },
      { msg: DIFFERS, chain: TENANT, sequence: 2, reason: 'altered' },
      { msg: DIFFERS, chain: TENANT, sequence: 3, reason: 'unlinked' },
    ])
    expect(readArchive(house.aws).get(TENANT)).toEqual(before.get(TENANT))
  })

  it.each([
    ['edited', 'altered', { UpdateExpression: 'SET target = :other', ExpressionAttributeValues: { ':other': 'x' } }],
    ['taken out', 'missing', null],
  ])('A2 is not archived beyond an event that was %s', async (_, reason, change) => {
    const house = await withTrail()
    const place = { TableName: 'vestibule-audit', Key: auditKey(PLATFORM_CHAIN, 2) }
    await house.clients.dynamo.send(
      change === null ? new DeleteCommand(place) : new UpdateCommand({ ...place, ...change }),
    )

    expect(await house.archive()).toEqual({ segments: 1, differing: 1, failed: 0 })
    expect(saidOf(house)).toEqual([{ msg: DIFFERS, chain: PLATFORM_CHAIN, sequence: 2, reason }])
    expect(heldOf(house.aws, PLATFORM_CHAIN, TENANT)).toEqual([[], [1, 2]])
  })

  it('A2 is not archived where its last events are gone and its head still tells of them', async () => {
    const house = await withTrail()
    await house.clients.dynamo.send(
      new DeleteCommand({ TableName: 'vestibule-audit', Key: auditKey(PLATFORM_CHAIN, 3) }),
    )
    expect(await house.archive()).toMatchObject({ differing: 1 })
    expect(saidOf(house)).toEqual([{ msg: DIFFERS, chain: PLATFORM_CHAIN, sequence: 3, reason: 'truncated' }])
  })

  it('A2 has no segment put without events, where its head tells of more than one segment holds', async () => {
    const house = await withTrail()
    await house.archive()
    const before = readArchive(house.aws)
    await house.clients.dynamo.send(
      new UpdateCommand({
        TableName: 'vestibule-directory',
        Key: chainHeadKey(TENANT),
        UpdateExpression: 'SET #sequence = :far',
        ExpressionAttributeNames: { '#sequence': 'sequence' },
        ExpressionAttributeValues: { ':far': 900 },
      }),
    )
    expect(await house.archive()).toMatchObject({ differing: 1 })
    expect(saidOf(house)).toEqual([{ msg: DIFFERS, chain: TENANT, sequence: 3, reason: 'missing' }])
    expect(readArchive(house.aws)).toEqual(before)
  })

  it('A2 is not believed where something else lies in its place', async () => {
    const house = await withTrail()
    await house.clients.s3.send(
      new PutObjectCommand({ Bucket: 'vestibule-archive', Key: auditSegmentKey(TENANT, 1), Body: 'something else\n' }),
    )
    const elsewhere = await openHouse('another past')
    await record(elsewhere, PLATFORM_CHAIN, 2)
    await elsewhere.archive()
    const [foreign] = readArchive(elsewhere.aws).get(PLATFORM_CHAIN) ?? []
    await house.clients.s3.send(
      new PutObjectCommand({
        Bucket: 'vestibule-archive',
        Key: auditSegmentKey(PLATFORM_CHAIN, 1),
        Body: foreign?.text,
      }),
    )

    expect(await house.archive()).toEqual({ segments: 0, differing: 2, failed: 0 })
    expect(saidOf(house).map(({ sequence, reason }) => [sequence, reason])).toEqual(
      expect.arrayContaining([
        [1, 'missing'],
        [1, 'altered'],
      ]),
    )
  })
})

describe('the archivist that is broken off', () => {
  /** Settles when the pass is over or its process is gone. */
  const runUntilDead = async (house: House, isDead: () => boolean): Promise<void> => {
    let isOver = false
    const pass = house.archive().finally(() => {
      isOver = true
    })
    while (!isOver && !isDead()) await new Promise((resolve) => setTimeout(resolve, 1))
    if (isOver) await pass
  }

  it('I-22 loses and doubles nothing, at whichever call it dies, though the trail grows before the next pass', async () => {
    let survived = 0
    for (const moment of ['before', 'after'] as const) {
      for (let call = 1; ; call += 1) {
        const house = await withTrail()
        const crash = createCrash()
        const doomed = copyOf(house, crash.hook)
        crash.arm(call, moment)
        await runUntilDead(doomed, crash.isDead)
        if (!crash.isDead()) break
        await record(house, TENANT, 2)
        await record(house, PLATFORM_CHAIN, 1)
        const after = copyOf(house)
        await after.archive()
        expect([call, moment, ...heldOf(house.aws, PLATFORM_CHAIN, TENANT)]).toEqual([
          ...[call, moment],
          ...[
            [1, 2, 3, 4],
            [1, 2, 3, 4],
          ],
        ])
        expect([saidOf(after), await after.archive()]).toEqual([[], { segments: 0, differing: 0, failed: 0 }])
        survived += 1
      }
    }
    process.stdout.write(`\nThe archivist survived ${survived} of ${survived} crash points.\n`)
    expect(survived).toBeGreaterThan(20)
  }, 120_000)

  it('I-22 goes on where its note is gone: what lies in the archive is taken as it lies', async () => {
    const house = await withTrail()
    await house.archive()
    await record(house, TENANT, 2)
    await house.archive()
    await house.clients.dynamo.send(
      new DeleteCommand({ TableName: 'vestibule-directory', Key: archiveCursorKey(TENANT) }),
    )
    await record(house, TENANT, 1)

    expect(await house.archive()).toEqual({ segments: 3, differing: 0, failed: 0 })
    expect(heldOf(house.aws, TENANT)).toEqual([[1, 2, 3, 4, 5]])
  })

  it('I-22 leaves a chain to the next pass where AWS fails, and says so', async () => {
    const house = await withTrail()
    const unlucky = copyOf(house, async ({ operation, input }, proceed) => {
      if (operation === 'PutObject' && JSON.stringify(input).includes(TENANT))
        throw new AwsFault('ConditionalRequestConflict', 'in use', { statusCode: 409 })
      if (operation === 'PutObject') throw new AwsFault('AccessDenied', 'no', { statusCode: 403 })
      return proceed()
    })
    expect(await unlucky.archive()).toEqual({ segments: 0, differing: 0, failed: 1 })
    expect(saidOf(unlucky)).toEqual([
      { msg: 'archiving one chain failed', chain: PLATFORM_CHAIN, errorName: 'DependencyError' },
    ])
    expect(await house.archive()).toMatchObject({ segments: 2 })
  })

  it('I-22 may run beside itself while the trail grows, in any order of calls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const house = await withTrail()
        const inTurn: CallHook = async (_call, proceed) => {
          await scheduler.schedule(Promise.resolve())
          return proceed()
        }
        const [one, other, writer] = [copyOf(house, inTurn), copyOf(house, inTurn), copyOf(house, inTurn)]
        await scheduler.waitFor(
          Promise.all([one.archive(), other.archive(), record(writer, TENANT, 3), record(writer, PLATFORM_CHAIN, 1)]),
        )
        await house.archive()
        expect(heldOf(house.aws, PLATFORM_CHAIN, TENANT)).toEqual([
          [1, 2, 3, 4],
          [1, 2, 3, 4, 5],
        ])
        expect([one, other, house].flatMap(saidOf)).toEqual([])
      }),
      { seed: 20_261_121, numRuns: 40 },
    )
  }, 120_000)
})
