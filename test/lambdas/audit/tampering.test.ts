import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AuditDraft,
  type AuditEvent,
  type ChainHead,
  findChainBreak,
  genesisOf,
  linkEvent,
} from '../../../lambdas/audit/chain.ts'
import {
  composeSegment,
  endOf,
  fitSegment,
  SEGMENT_MAX_EVENTS,
  type SegmentFile,
} from '../../../lambdas/audit/segment.ts'
import { ActorKind, AuditAction } from '../../../lambdas/contract/audit.ts'
import { auditSegmentName } from '../../../lambdas/contract/names.ts'
import { walkArchive } from '../../support/archive.ts'
import { START } from '../../support/clock.ts'

const SEED = 20_261_121
const RUNS = { seed: SEED, numRuns: 600 }
const CHAIN = 'ten_one'

const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => value.isWellFormed())
const name = text.filter((value) => !['__proto__', 'constructor', 'prototype'].includes(value))
const draft: fc.Arbitrary<AuditDraft> = fc.record({
  actor: fc.record({ kind: fc.constantFrom(...ActorKind.options), id: text }),
  action: fc.constantFrom(...AuditAction.options),
  target: text,
  detail: fc.dictionary(name, fc.oneof(text, fc.integer(), fc.boolean()), { maxKeys: 3, noNullPrototype: true }),
})

const follow = (chain: string, start: ChainHead, drafts: readonly AuditDraft[]): AuditEvent[] => {
  let head = start
  return drafts.map((one, index) => {
    const event = linkEvent(chain, head, `evt${index}`, START, one)
    head = event
    return event
  })
}
const chainOf = (minLength: number) =>
  fc.array(draft, { minLength, maxLength: 12 }).map((drafts) => follow(CHAIN, genesisOf(CHAIN), drafts))
const placeIn = (all: readonly unknown[]) => fc.nat({ max: all.length - 1 })

/** Every way to change one field of an event for another value of its kind. */
const edited = (event: AuditEvent): fc.Arbitrary<AuditEvent> =>
  fc
    .oneof(
      text.map((value) => ({ ...event, target: `${value}!` })),
      text.map((value) => ({ ...event, id: `${value}!` })),
      text.map((value) => ({ ...event, at: `${value}!` })),
      text.map((value) => ({ ...event, actor: { ...event.actor, id: `${value}!` } })),
      fc.constantFrom(...ActorKind.options).map((kind) => ({ ...event, actor: { ...event.actor, kind } })),
      fc.constantFrom(...AuditAction.options).map((action) => ({ ...event, action })),
      text.map((value) => ({ ...event, detail: { ...event.detail, added: value } })),
      fc.constant({ ...event, chain: 'ten_two' }),
      fc.integer({ min: 0, max: 20 }).map((sequence) => ({ ...event, sequence })),
      fc.constant({ ...event, previousHash: event.hash }),
      fc.constant({ ...event, hash: event.previousHash }),
    )
    .filter((other) => JSON.stringify(other) !== JSON.stringify(event))

describe('a chain', () => {
  it('AUD-04 A2 shows where one event was edited, taken out, put in or moved', () => {
    const tampered = chainOf(2).chain((events) =>
      placeIn(events).chain((at) => {
        const [event] = events.slice(at, at + 1)
        if (event === undefined) throw new Error('there is no such place')
        return fc.oneof(
          edited(event).map((other) => ({ events, at, changed: events.toSpliced(at, 1, other) })),
          fc.constant({ events, at, changed: events.toSpliced(at, 1) }),
          placeIn(events).map((other) => ({
            events,
            at,
            changed: events.toSpliced(at, 0, ...events.slice(other, other + 1)),
          })),
          draft.map((one) => {
            const before = events[at - 1] ?? genesisOf(CHAIN)
            return { events, at, changed: events.toSpliced(at, 0, linkEvent(CHAIN, before, 'forged', START, one)) }
          }),
          fc
            .nat({ max: events.length - 2 })
            .map((skip) => (at + 1 + skip) % events.length)
            .map((other) => {
              const [low, high] = [Math.min(at, other), Math.max(at, other)]
              const moved = [...events.slice(0, low), ...events.slice(high, high + 1), ...events.slice(low + 1, high)]
              return { events, at: low, changed: [...moved, ...events.slice(low, low + 1), ...events.slice(high + 1)] }
            }),
        )
      }),
    )
    fc.assert(
      fc.property(tampered, ({ events, at, changed }) => {
        expect(findChainBreak(CHAIN, events, endOf(genesisOf(CHAIN), events))).toBeNull()

        const found = findChainBreak(CHAIN, changed, endOf(genesisOf(CHAIN), events))

        // What was put in may be like what stood there; then it is the next one that does not follow.
        const isTwin = JSON.stringify(changed[at]) === JSON.stringify(events[at])
        const isForged = changed[at]?.id === 'forged'
        expect(found?.sequence).toBe(at + 1 + Number(isTwin || isForged))
      }),
      RUNS,
    )
  })

  it('A2 shows that it was cut short, or written anew from anywhere, to whoever knows its head', () => {
    const rewritten = fc.tuple(chainOf(1), fc.array(draft, { maxLength: 12 })).chain(([events, drafts]) =>
      placeIn(events).map((at) => {
        const kept = events.slice(0, at)
        return { events, changed: [...kept, ...follow(CHAIN, endOf(genesisOf(CHAIN), kept), drafts)] }
      }),
    )
    fc.assert(
      fc.property(rewritten, ({ events, changed }) => {
        fc.pre(JSON.stringify(events) !== JSON.stringify(changed))
        const head = endOf(genesisOf(CHAIN), events)
        expect([findChainBreak(CHAIN, changed, null), findChainBreak(CHAIN, changed, head)]).toEqual([
          null,
          { sequence: changed.length + 1, problem: 'truncated' },
        ])
      }),
      RUNS,
    )
  })
})

/** A chain cut into segments anywhere. */
const archived = fc.tuple(chainOf(1), fc.infiniteStream(fc.integer({ min: 1, max: 4 }))).map(([events, sizes]) => {
  const files: SegmentFile[] = []
  for (let at = 0; at < events.length; ) {
    const { value: size } = sizes.next()
    const start = endOf(genesisOf(CHAIN), events.slice(0, at))
    const part = events.slice(at, at + size)
    files.push({ name: auditSegmentName(at + 1), text: composeSegment(CHAIN, start, part) })
    at += part.length
  }
  return { events, files }
})

const isWhole = (files: readonly SegmentFile[], head: ChainHead): boolean => {
  const { end, broken } = walkArchive(CHAIN, files)
  return broken === null && end.sequence === head.sequence && end.hash === head.hash
}

describe('an archive', () => {
  it('A2 A12 holds every event as it was hashed, and follows from its start by itself', () => {
    fc.assert(
      fc.property(archived, ({ events, files }) => {
        const walked = walkArchive(CHAIN, files)
        expect([walked.broken, walked.events]).toEqual([null, events])
      }),
      RUNS,
    )
  })

  it('A2 A12 shows that one character was changed, put in or taken out, or that a file was cut', () => {
    const tampered = archived.chain(({ events, files }) =>
      placeIn(files).chain((which) => {
        const { name: file, text: was = '' } = files[which] ?? { name: '' }
        const characters = Array.from(was)
        return fc
          .tuple(
            placeIn(characters),
            fc.constantFrom('change', 'insert', 'remove', 'cut'),
            fc.constantFrom(...'0aA"\\\n\r ,}é'),
          )
          .map(([at, how, character]) => {
            const now = {
              change: characters.with(at, character),
              insert: characters.toSpliced(at, 0, character),
              remove: characters.toSpliced(at, 1),
              cut: characters.slice(0, at),
            }[how].join('')
            return { events, was, now, changed: files.with(which, { name: file, text: now }) }
          })
      }),
    )
    fc.assert(
      fc.property(tampered, ({ events, was, now, changed }) => {
        fc.pre(was !== now)
        expect(isWhole(changed, endOf(genesisOf(CHAIN), events))).toBe(false)
      }),
      { ...RUNS, numRuns: 2_000 },
    )
  })

  it('A2 A12 shows that a line or a segment is gone, doubled or in another’s place', () => {
    const tampered = archived.chain(({ events, files }) =>
      fc.tuple(placeIn(files), placeIn(files), fc.nat(), fc.nat()).chain(([from, to, one, other]) => {
        const [source, target] = [files[from], files[to]]
        if (source === undefined || target === undefined) throw new Error('there is no such segment')
        const [linesThere, linesHere] = [source.text.split('\n'), target.text.split('\n')]
        const line = linesThere[one % (linesThere.length - 1)] ?? ''
        const at = other % (linesHere.length - 1)
        const withLines = (lines: string[]) => files.with(to, { ...target, text: lines.join('\n') })
        return fc
          .constantFrom(
            files.toSpliced(from, 1),
            files.with(to, { ...target, text: source.text }),
            files.with(to, { ...target, name: auditSegmentName(1 + (other % 20)) }),
            [...files, { ...source, name: auditSegmentName(1 + (other % 20)) }],
            withLines(linesHere.toSpliced(at, 1)),
            withLines(linesHere.toSpliced(at, 0, line)),
            withLines(linesHere.with(at, line)),
          )
          .map((changed) => ({ events, files, changed }))
      }),
    )
    const ordered = (files: readonly SegmentFile[]) =>
      JSON.stringify(files.toSorted((l, r) => (l.name < r.name ? -1 : 1)))
    fc.assert(
      fc.property(tampered, ({ events, files, changed }) => {
        fc.pre(ordered(files) !== ordered(changed))
        expect(isWhole(changed, endOf(genesisOf(CHAIN), events))).toBe(false)
      }),
      { ...RUNS, numRuns: 2_000 },
    )
  })

  it('names the first place that does not follow', () => {
    const events = follow(
      CHAIN,
      genesisOf(CHAIN),
      Array.from({ length: 6 }, () => DRAFT),
    )
    const cut = (from: number, to: number): SegmentFile => ({
      name: auditSegmentName(from + 1),
      text: composeSegment(CHAIN, endOf(genesisOf(CHAIN), events.slice(0, from)), events.slice(from, to)),
    })
    const [first, second, third] = [cut(0, 2), cut(2, 4), cut(4, 6)]
    const brokenIn = (...files: SegmentFile[]) => walkArchive(CHAIN, files).broken

    expect(brokenIn(first, third)).toEqual({ sequence: 3, problem: 'missing' })
    expect(brokenIn(first, cut(1, 4), third)).toEqual({ sequence: 3, problem: 'repeated' })
    expect(brokenIn(first, { ...second, text: second.text.replace('agt_1', 'agt_2') })).toEqual({
      sequence: 3,
      problem: 'altered',
    })
    expect(brokenIn(first, { ...second, text: second.text.replace(/\n[^\n]+\n$/, '\n') })).toEqual({
      sequence: 4,
      problem: 'missing',
    })
    expect(brokenIn(first, { ...second, text: second.text.replace('"actor"', '"who"') })).toEqual({
      sequence: 3,
      problem: 'unreadable',
    })
    expect(walkArchive('ten_two', [first]).broken).toEqual({ sequence: 1, problem: 'altered' })
  })

  it('has one spelling, which releases to come must keep to read what lies locked', () => {
    const [event] = follow(CHAIN, genesisOf(CHAIN), [{ ...DRAFT, detail: { b: 1, a: true } }])
    expect(composeSegment(CHAIN, genesisOf(CHAIN), event === undefined ? [] : [event])).toMatchInlineSnapshot(`
      "{"format":"vestibule-audit-segment-1","chain":"ten_one","from":1,"to":1,"previousHash":"5cb1acb8b4831e2317311816b6b3a701157d786c7bdf3f1a78fe56c85550c0fd"}
      {"chain":"ten_one","sequence":1,"id":"evt0","at":"2026-11-21T09:00:00.000Z","actor":{"kind":"system","id":"reconciler"},"action":"agent.ready","target":"agt_1","detail":{"a":true,"b":1},"previousHash":"5cb1acb8b4831e2317311816b6b3a701157d786c7bdf3f1a78fe56c85550c0fd","hash":"4de70be7bbe8c08758fa2dc24d32bd649e446b32509e79e6c60e35029fdaef00"}
      "
    `)
  })

  it('has segments of at most so many events and bytes, and at least one event', () => {
    const many = follow(
      CHAIN,
      genesisOf(CHAIN),
      Array.from({ length: SEGMENT_MAX_EVENTS + 3 }, () => DRAFT),
    )
    const long = follow(
      CHAIN,
      genesisOf(CHAIN),
      Array.from({ length: 4 }, () => ({ ...DRAFT, target: 'x'.repeat(200_000) })),
    )
    const [giant] = [{ ...DRAFT, target: 'x'.repeat(600_000) }].map((one) =>
      follow(CHAIN, genesisOf(CHAIN), [one, one]),
    )

    expect([many, long, giant ?? []].map((events) => fitSegment(events).length)).toEqual([SEGMENT_MAX_EVENTS, 2, 1])
  })
})

const DRAFT: AuditDraft = {
  actor: { kind: 'system', id: 'reconciler' },
  action: 'agent.ready',
  target: 'agt_1',
  detail: {},
}
