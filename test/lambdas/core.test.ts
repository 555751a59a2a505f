import { createSecretKey } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findChainBreak, genesisOf, linkEvent } from '../../lambdas/audit/chain.ts'
import { type Agent, transition, withLookAt } from '../../lambdas/agents/agent.ts'
import { credentialRule, recogniseCredential } from '../../lambdas/contract/credential-kinds.ts'
import { FunctionEnv, loadEnv } from '../../lambdas/contract/env.ts'
import { AccountId, accountIdOf, bytesOfAccountId, inviteIdOf, lookupOfInviteId } from '../../lambdas/contract/ids.ts'
import { describeApi } from '../../lambdas/contract/openapi.ts'
import { Email } from '../../lambdas/contract/text.ts'
import { parseJson } from '../../lambdas/core/json.ts'
import { createLogger, whereThrown } from '../../lambdas/core/logger.ts'
import { fromBase32, sortableId, toBase32 } from '../../lambdas/core/random.ts'
import { Secret } from '../../lambdas/core/secret.ts'
import { formatToken, parseToken } from '../../lambdas/core/token.ts'
import { mergeCredentials } from '../../lambdas/credentials/merge.ts'
import { sessionExpiry } from '../../lambdas/sessions/session-lifetime.ts'
import { openValue, signValue } from '../../lambdas/sessions/signed-value.ts'
import { createSeededRandom } from '../support/random.ts'
import { START } from '../support/clock.ts'

const SEED = 20261121

describe('Secret', () => {
  it('shows its value to nothing but reveal', () => {
    const secret = new Secret('hush-hush')

    expect(
      [String(secret), JSON.stringify({ secret }), inspect(secret), inspect({ a: [secret] }), `${secret}`].join(' '),
    ).not.toContain('hush')
    expect(secret.reveal()).toBe('hush-hush')
  })
})

describe('parseJson', () => {
  it('reads whatever JSON.stringify writes, where numbers are exact and keys harmless', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value)
        const parsed = parseJson(text)
        const harmless =
          !/"(__proto__|constructor|prototype)":/.test(text) &&
          !/\\ud[89a-f]/i.test(text) &&
          !/[eE]-|\d{17,}|[eE]\+?\d{2,}/.test(text)
        if (harmless && parsed.ok) expect(parsed.value).toEqual(JSON.parse(text))
        if (parsed.ok) expect(JSON.stringify(parsed.value)).toBe(JSON.stringify(JSON.parse(text)))
      }),
      { seed: SEED, numRuns: 500 },
    )
  })

  it('never throws and never accepts what JSON.parse refuses', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(
            '{',
            '}',
            '[',
            ']',
            '"',
            ':',
            ',',
            '1',
            'e',
            '-',
            '.',
            '\\',
            'u',
            'true',
            'null',
            ' ',
            'a',
          ),
        }),
        (text) => {
          const parsed = parseJson(text)
          if (parsed.ok) expect(() => JSON.parse(text)).not.toThrow()
          expect(typeof parsed.ok).toBe('boolean')
        },
      ),
      { seed: SEED, numRuns: 3000 },
    )
  })
})

describe('tokens and ids', () => {
  it('read back what they wrote, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(60), (bytes, position) => {
        const token = formatToken('vst_inv_', bytes).reveal()
        expect(parseToken('vst_inv_', 32, token)).toEqual(Buffer.from(bytes))
        const index = position % token.length
        const other = token[index] === 'A' ? 'B' : 'A'
        expect(parseToken('vst_inv_', 32, token.slice(0, index) + other + token.slice(index + 1))).toBeNull()
        expect(token).toMatch(/^vst_inv_[A-Za-z0-9_-]{49}$/)
      }),
      { seed: SEED },
    )
  })

  it('turn ids into bytes and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(lookupOfInviteId(inviteIdOf(bytes))).toEqual(Buffer.from(bytes))
        expect(fromBase32(toBase32(bytes))).toEqual(Buffer.from(bytes))
      }),
      { seed: SEED },
    )
    const random = createSeededRandom()
    for (let turn = 0; turn < 100; turn += 1) {
      const id = AccountId.parse(`acc_${sortableId(new Date(START.getTime() + turn), random)}`)
      expect(accountIdOf(bytesOfAccountId(id))).toBe(id)
    }
  })

  it('sort by the time they were made', () => {
    const random = createSeededRandom()
    const ids = Array.from({ length: 50 }, (_, index) => sortableId(new Date(START.getTime() + index), random))

    expect(ids.toSorted()).toEqual(ids)
  })
})

describe('the merge', () => {
  it('keeps what is not named, for every mixture of changes', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const value = fc.string({ minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.dictionary(name, fc.option(value)), (before, changes) => {
        const current = {
          revision: 1,
          mergeIds: [],
          values: new Map(Object.entries(before).map(([key, text]) => [key, new Secret(text)])),
        }
        const patch = new Map(
          Object.entries(changes).map(([key, text]) => [key, text === null ? null : new Secret(text)]),
        )
        const merged = mergeCredentials(current, patch, ['m'])
        const expected = { ...before, ...changes }
        for (const key of Object.keys(expected)) if (expected[key] === null) delete expected[key]
        const got = Object.fromEntries([...(merged ?? current).values].map(([key, secret]) => [key, secret.reveal()]))
        expect(got).toEqual(expected)
        expect(merged === null).toBe(
          JSON.stringify(Object.entries(expected).toSorted()) === JSON.stringify(Object.entries(before).toSorted()),
        )
        if (merged !== null) expect(mergeCredentials(merged, patch, ['m'])).toBeNull()
      }),
      { seed: SEED, numRuns: 500 },
    )
  })
})

describe('signed values', () => {
  it('I-32 are worthless for another purpose, stage or key', () => {
    const [one, two] = ['one', 'two'].map((text) => createSecretKey(Buffer.from(text.padEnd(32, '.'))))
    if (one === undefined || two === undefined) throw new Error('the test made no keys')
    const keys = { current: { kid: 'k1', key: one }, byId: new Map(Object.entries({ k1: one, k2: one, k3: two })) }
    const signed = signValue(keys, 'session', 'prod', 'a.b')

    expect(openValue(keys, 'session', 'prod', signed)).toBe('a.b')
    expect(openValue(keys, 'known-browser', 'prod', signed)).toBeNull()
    expect(openValue(keys, 'idempotency', 'prod', signed)).toBeNull()
    expect(openValue(keys, 'session', 'staging', signed)).toBeNull()
    for (const kid of ['k2', 'k3', 'k4'])
      expect(openValue(keys, 'session', 'prod', signed.replace('k1.', `${kid}.`))).toBeNull()
  })
})

describe('the audit chain', () => {
  const draft = (index: number) => ({
    actor: { kind: 'tenant' as const, id: 'acc' },
    action: 'agent.ready' as const,
    target: `t${index}`,
    detail: { b: 1, a: 'x' },
  })
  const build = (length: number) => {
    let head = genesisOf('ten')
    return Array.from({ length }, (_, index) => {
      const event = linkEvent('ten', head, `evt${index}`, START, draft(index))
      head = event
      return event
    })
  }

  it('AUD-04 names the first place that was edited, removed, reordered or cut off', () => {
    const events = build(8)
    const head = events.at(-1)!

    expect(findChainBreak('ten', events, head)).toBeNull()
    expect(
      findChainBreak(
        'ten',
        events.map((event, index) => (index === 3 ? { ...event, target: 'other' } : event)),
        head,
      ),
    ).toEqual({ sequence: 4, problem: 'altered' })
    expect(
      findChainBreak(
        'ten',
        events.map((event, index) => (index === 3 ? { ...event, detail: { a: 'x', b: 2 } } : event)),
        head,
      ),
    ).toEqual({ sequence: 4, problem: 'altered' })
    expect(findChainBreak('ten', events.toSpliced(2, 1), head)).toEqual({ sequence: 3, problem: 'missing' })
    expect(findChainBreak('ten', [...events.slice(0, 4), events[5]!, events[4]!, ...events.slice(6)], head)).toEqual({
      sequence: 5,
      problem: 'missing',
    })
    expect(findChainBreak('ten', events.slice(0, 6), head)).toEqual({ sequence: 7, problem: 'truncated' })
    expect(findChainBreak('other', events, null)).toEqual({ sequence: 1, problem: 'altered' })
  })

  it('AUD-04 covers every field of an event by its hash', () => {
    const head = genesisOf('ten')
    const one = draft(0)
    const others: Partial<typeof one>[] = [
      { actor: { ...one.actor, id: 'somebody' } },
      { target: 'other' },
      { detail: { b: 2, a: 'x' } },
    ]
    const events = [
      linkEvent('ten', head, 'evt', START, one),
      linkEvent('other', head, 'evt', START, one),
      linkEvent('ten', { ...head, sequence: 1 }, 'evt', START, one),
      linkEvent('ten', { ...head, hash: '0' }, 'evt', START, one),
      linkEvent('ten', head, 'other', START, one),
      linkEvent('ten', head, 'evt', new Date(0), one),
      linkEvent('ten', head, 'evt', START, { ...one, action: 'agent.failed' }),
      linkEvent('ten', head, 'evt', START, { ...one, actor: { ...one.actor, kind: 'admin' } }),
      ...others.map((other) => linkEvent('ten', head, 'evt', START, { ...one, ...other })),
    ]

    expect(new Set(events.map(({ hash }) => hash)).size).toBe(events.length)
  })

  it('does not depend on the order of a detail’s names', () => {
    const [one] = build(1)
    const again = linkEvent('ten', genesisOf('ten'), 'evt0', START, { ...draft(0), detail: { a: 'x', b: 1 } })

    expect(again.hash).toBe(one?.hash)
  })
})

describe('agent states', () => {
  const agent = {
    status: 'requested',
    timeline: [{ status: 'requested', at: START.toISOString() }],
    pendingMerges: {},
    supportAccess: true,
    supportPathOpen: false,
    attempt: 0,
    updatedAt: START.toISOString(),
  } as unknown as Agent

  it('follow only the edges of the picture, and every state can be left by delete', () => {
    const states = [
      'requested',
      'launching',
      'booting',
      'ready',
      'stopping',
      'stopped',
      'starting',
      'deleting',
      'deleted',
      'failed',
    ] as const
    const edges = states.flatMap((from) =>
      states.filter((to) => transition({ ...agent, status: from }, to, START).ok).map((to) => `${from}>${to}`),
    )

    expect(edges).toContain('ready>stopping')
    expect(edges).not.toContain('requested>ready')
    expect(edges.filter((edge) => edge.startsWith('deleted>'))).toEqual([])
    expect(edges.filter((edge) => edge.endsWith('>ready'))).toEqual(['booting>ready'])
    for (const from of states.slice(0, 7)) expect(edges).toContain(`${from}>deleting`)
  })

  it('are looked at while they pass or owe work, later while they run, never at rest', () => {
    expect(withLookAt(agent, START).lookAt).toBe(START.toISOString())
    expect(withLookAt({ ...agent, status: 'stopped' }, START).lookAt).toBeUndefined()
    expect(withLookAt({ ...agent, status: 'ready', supportPathOpen: true }, START).lookAt).toBe(
      new Date(START.getTime() + 180_000).toISOString(),
    )
    expect(withLookAt({ ...agent, status: 'failed', attempt: 1 }, START).lookAt).toBe(START.toISOString())
    expect(withLookAt({ ...agent, status: 'failed', attempt: 1, cleared: true }, START).lookAt).toBeUndefined()
  })
})

describe('small rules', () => {
  it('end sessions by idleness or age, whichever comes first', () => {
    const day = 86_400_000
    const at = (days: number) => new Date(START.getTime() + days * day)

    expect(sessionExpiry('tenant', START, START)).toEqual(at(7))
    expect(sessionExpiry('tenant', START, at(28))).toEqual(at(30))
    expect(sessionExpiry('admin', START, START)).toEqual(at(8 / 24))
  })

  it('recognise each kind of credential and name the kind that was meant', () => {
    expect(recogniseCredential('xoxb-1')).toBe('slackBotToken')
    expect(recogniseCredential('hello')).toBeNull()
    expect(credentialRule('githubToken', 'xoxb-123456789')).toBe('looks_like:slackBotToken')
    expect(credentialRule('githubToken', 'github_pat_abcdef')).toBeNull()
    expect(credentialRule('githubToken', 'ghp_')).toBe('too_short')
    expect(credentialRule('githubToken', 'ghp_abc def')).toBe('invalid_characters')
    expect(credentialRule('githubToken', '')).toBe('required')
  })

  it('fold e-mail addresses by ASCII alone', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (address) => {
        const parsed = Email.safeParse(address)
        if (parsed.success) {
          expect(parsed.data).toMatch(/^[\x21-\x7e]+$/)
          expect(Email.parse(parsed.data)).toBe(parsed.data)
        }
        expect(parsed.success || address.length > 0).toBe(true)
      }),
      { seed: SEED },
    )
  })

  it('name every variable that is missing, and print no value', () => {
    const load = () =>
      loadEnv(FunctionEnv.identity, { VESTIBULE_STAGE: 'NOT-a-stage', SITE_ORIGIN: 'http://secret-value.example' })

    expect(load).toThrow(/VESTIBULE_STAGE.*DIRECTORY_TABLE.*SITE_ORIGIN/)
    expect(load).not.toThrow(/secret-value/)
  })

  it('log only the fields that are allowed, one JSON line each', () => {
    const lines: string[] = []
    const logger = createLogger({ write: (line) => lines.push(line) > 0 })
    // @ts-expect-error the type already refuses a field that is not on the list; this is about values that get past it.
    logger.info('hello', { requestId: 'r', password: 'hush', body: { a: 1 } })

    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.any(String),
      requestId: 'r',
      msg: 'hello',
    })
    expect(whereThrown(new Error('with a secret inside'))).toMatch(/^core\.test\.ts:\d+/)
  })

  it('describe the whole API from the schemas that validate', () => {
    const document = describeApi('1.2.3') as any

    expect(document.openapi).toBe('3.1.0')
    expect(
      document.paths['/api/agents'].post.requestBody.content['application/json'].schema.properties.credentials
        .properties.githubToken,
    ).toBeDefined()
    expect(document.paths['/api/invites/inspect'].post.responses['404'].description).toContain('invite_invalid')
    expect(Object.values(document.paths).flatMap((path: any) => Object.keys(path))).toHaveLength(38)
  })
})
