import { describe, expect, it } from 'vitest'
import { createCredentialVault, type MergeGuards } from '../../lambdas/credentials/credential-vault.aws.ts'
import { ProvisionRequest } from '../../lambdas/contract/provisioning.ts'
import { agentSecretName } from '../../lambdas/contract/names.ts'
import { Secret } from '../../lambdas/core/secret.ts'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { AwsFault } from '../../local/aws/service.ts'
import type { Browser, Reply } from '../support/browser.ts'
import { createCrash } from '../support/crash.ts'
import { ADAPTERS, createHarness, CREDENTIALS, type Harness, PASSWORD } from '../support/harness.ts'
import { createSeededRandom } from '../support/random.ts'
import { dumpAws, findPlanted } from '../support/sinks.ts'

const EMAIL = 'ana@example.com'
const FREE: MergeGuards = { mergeId: 'm', judgeNames: () => null, mayWrite: Promise.resolve(true) }

const throttled = () => new AwsFault('ThrottlingException', 'Rate exceeded')

const withAgent = async (options: Parameters<typeof createHarness>[0] = {}) => {
  const house = await createHarness(options)
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, EMAIL)
  const reply = await ana.post('/api/agents', {
    name: 'A',
    credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken },
  })
  const { id } = reply.body.agent
  const tenantId = (await ana.get('/api/session')).body.tenant.id
  return { house, admin, ana, id, secretId: agentSecretName('local', tenantId, id) }
}

const storedIn = async (house: Harness, secretId: string): Promise<Record<string, string>> => {
  const { SecretString = '{}' } = await house.aws
    .createClients()
    .secrets.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage: 'AWSCURRENT' }))
  return JSON.parse(SecretString).credentials
}

describe('the credential vault', () => {
  it('SEC-01 keeps every acknowledged key of 100 merges by separate clients', async () => {
    const { house, secretId } = await withAgent()
    const merges = Array.from({ length: 100 }, async (_, index) => {
      const { secrets } = house.aws.createClients()
      const vault = createCredentialVault({ secrets, random: createSeededRandom(`writer ${index}`) })
      const merged = await vault.merge(secretId, new Map([[`key${index}`, new Secret(`value ${index}`)]]), FREE)
      return { index, merged }
    })

    const results = await Promise.all(merges)

    const stored = await storedIn(house, secretId)
    const acknowledged = results.filter(({ merged }) => merged.ok)
    for (const { index } of acknowledged) expect(stored[`key${index}`]).toBe(`value ${index}`)
    expect(acknowledged.length).toBeGreaterThanOrEqual(95)
    expect(
      results
        .filter(({ merged }) => !merged.ok)
        .every(({ merged }) => !merged.ok && merged.failure.reason === 'version_quota'),
    ).toBe(true)
    expect(stored.claudeCodeToken).toBe(CREDENTIALS.claudeCodeToken)
  })

  it('SEC-01 coalesces 200 merges in one process into few versions', async () => {
    const { house, secretId } = await withAgent()
    const { vault } = house.deps

    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        vault.merge(secretId, new Map([[`key${index}`, new Secret('v')]]), FREE),
      ),
    )

    expect(results.every((result) => result.ok)).toBe(true)
    expect(Object.keys(await storedIn(house, secretId))).toHaveLength(201)
    expect(
      Number(house.aws.database.get('SELECT count(*) AS n FROM sm_version WHERE secret = ?', secretId)?.n),
    ).toBeLessThan(10)
  })

  it('SEC-02 ends with one of two values written to one key at once, others intact', async () => {
    const { house, secretId } = await withAgent()
    const writers = ['one', 'two'].map((value) => {
      const vault = createCredentialVault({
        secrets: house.aws.createClients().secrets,
        random: createSeededRandom(value),
      })
      return vault.merge(secretId, new Map([['shared', new Secret(value)]]), FREE)
    })

    await Promise.all(writers)

    const stored = await storedIn(house, secretId)
    expect(['one', 'two']).toContain(stored.shared)
    expect(stored.claudeCodeToken).toBe(CREDENTIALS.claudeCodeToken)
  })

  it('SEC-12 refuses what would be larger than a secret may be, before it writes', async () => {
    const { house, secretId } = await withAgent()
    const frame = JSON.stringify({
      revision: 2,
      merges: ['m'],
      credentials: { a: '', claudeCodeToken: CREDENTIALS.claudeCodeToken },
    })
    const room = 65_536 - Buffer.byteLength(frame)

    const over = await house.deps.vault.merge(
      secretId,
      new Map([['a', new Secret(`${'é'.repeat((room - (room % 2)) / 2)}xx`)]]),
      FREE,
    )
    const exact = await house.deps.vault.merge(secretId, new Map([['a', new Secret('x'.repeat(room))]]), FREE)

    expect(over).toEqual({ ok: false, failure: { reason: 'secret_too_large' } })
    expect(exact.ok).toBe(true)
  })
})

describe.each(ADAPTERS)('changing credentials over %s', (adapter) => {
  it('SEC-10 touches only what is named; nothing but null removes', async () => {
    const { house, ana, id, secretId } = await withAgent({ adapter })
    await ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken })

    for (const value of ['', '   ', 'not a token', CREDENTIALS.slackBotToken]) {
      expect((await ana.patch(`/api/agents/${id}/credentials`, { githubToken: value })).status).toBe(400)
    }
    expect((await ana.patch(`/api/agents/${id}/credentials`, {})).status).toBe(400)
    expect(await storedIn(house, secretId)).toEqual({
      claudeCodeToken: CREDENTIALS.claudeCodeToken,
      githubToken: CREDENTIALS.githubToken,
    })
    const removed = await ana.patch(`/api/agents/${id}/credentials`, { githubToken: null })
    expect(removed.body.agent.credentials.githubToken.provided).toBe(false)
    expect(await storedIn(house, secretId)).toEqual({ claudeCodeToken: CREDENTIALS.claudeCodeToken })
    const last = await ana.patch(`/api/agents/${id}/credentials`, { claudeCodeToken: null })
    expect([last.status, last.body.error.issues[0].rule]).toEqual([400, 'model_credential_required'])
  })

  it('SEC-03 recovers from a crash at every AWS call of a merge', async () => {
    const trace: string[] = []
    const probe = await withAgent({
      adapter,
      hook: async (call, proceed) => {
        trace.push(call.operation)
        return proceed()
      },
    })
    trace.length = 0
    await probe.ana.patch(`/api/agents/${probe.id}/credentials`, { githubToken: CREDENTIALS.githubToken })
    const total = trace.length
    expect(total).toBeGreaterThan(3)

    for (let crashAt = 1; crashAt <= total; crashAt += 1) {
      for (const when of ['before', 'after'] as const) {
        const crash = createCrash()
        const first = await withAgent({ adapter, seed: `${crashAt} ${when}`, hook: crash.hook })
        crash.arm(crashAt, when)
        void first.ana.patch(`/api/agents/${first.id}/credentials`, { githubToken: CREDENTIALS.githubToken })
        await expect.poll(crash.isDead, { interval: 2 }).toBe(true)

        const second = await createHarness({
          adapter,
          aws: first.house.aws,
          clock: first.house.clock,
          seed: `second ${crashAt} ${when}`,
        })
        second.clock.advanceSeconds(120)
        await second.reconcile()
        const ana = second.browse()
        await ana.post('/api/login', { email: EMAIL, password: PASSWORD })
        const flags = (await ana.get(`/api/agents/${first.id}`)).body.agent.credentials
        const stored = await storedIn(second, first.secretId)
        expect([crashAt, when, flags.githubToken.provided]).toEqual([crashAt, when, stored.githubToken !== undefined])
        expect(stored.claudeCodeToken).toBe(CREDENTIALS.claudeCodeToken)

        const retried = await ana.patch(`/api/agents/${first.id}/credentials`, { githubToken: CREDENTIALS.githubToken })
        expect(retried.status).toBe(200)
        expect((await storedIn(second, first.secretId)).githubToken).toBe(CREDENTIALS.githubToken)
        const row = await second.deps.agents.list((await ana.get('/api/session')).body.tenant.id, { limit: 10 }, true)
        expect(row.items[0]?.pendingMerges).toEqual({})
      }
    }
  })

  it('SEC-06 answers 429 when the versions are spent, and loses nothing', async () => {
    let spent = false
    const { house, ana, id, secretId } = await withAgent({
      adapter,
      hook: async (call, proceed) => {
        if (spent && call.operation === 'PutSecretValue')
          throw new AwsFault('LimitExceededException', 'too many versions')
        return proceed()
      },
    })
    spent = true
    const refused = await ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken })
    spent = false
    const later = await ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken })

    expect([refused.status, later.status]).toEqual([429, 200])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Object.keys(await storedIn(house, secretId))).toHaveLength(2)
  })

  it('enforces the budget of versions per day', async () => {
    const { house, ana, id } = await withAgent({ adapter })
    const statuses: number[] = []
    for (let turn = 0; turn < 93; turn += 1) {
      statuses.push(
        (await ana.patch(`/api/agents/${id}/credentials`, { githubToken: `ghp_${String(turn).padStart(20, '0')}` }))
          .status,
      )
    }

    expect(statuses.filter((status) => status === 200)).toHaveLength(89)
    expect(statuses.slice(89)).toEqual([429, 429, 429, 429])
    house.clock.advanceSeconds(86_401)
    expect((await ana.patch(`/api/agents/${id}/credentials`, { githubToken: 'ghp_fresh00000000' })).status).toBe(200)
  })

  it('SEC-07 rides out throttled calls with one new version', async () => {
    let left = 0
    const { house, ana, id, secretId } = await withAgent({
      adapter,
      hook: async (call, proceed) => {
        if (call.service === 'secretsmanager' && left > 0) {
          left -= 1
          throw throttled()
        }
        return proceed()
      },
    })
    left = 2
    const merged = await ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken })

    expect(merged.status).toBe(200)
    expect(Number(house.aws.database.get('SELECT count(*) AS n FROM sm_version WHERE secret = ?', secretId)?.n)).toBe(2)
  })

  it('SEC-09 SEC-16 leaves no live secret of a deleted agent, and the name is free again', async () => {
    for (let seed = 0; seed < 5; seed += 1) {
      const { house, ana, id, secretId } = await withAgent({ adapter, seed: `delete ${seed}` })
      await house.settle(10)
      const [merged, deleted] = await Promise.all([
        ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken }),
        ana.del(`/api/agents/${id}`),
      ])
      await house.settle(10)
      const late = await ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken })

      expect([200, 409]).toContain(merged.status)
      expect([deleted.status, late.status]).toEqual([202, 409])
      expect((await ana.get(`/api/agents/${id}`)).body.agent.status).toBe('deleted')
      expect(house.aws.database.get('SELECT deletion FROM sm_secret WHERE name = ?', secretId)?.deletion).not.toBeNull()
      const again = await ana.post('/api/agents', {
        name: 'A',
        credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken },
      })
      expect(again.status).toBe(202)
    }
  })

  it('SEC-17 stores a token byte for byte', async () => {
    const { house, ana, id, secretId } = await withAgent({ adapter })
    const token = `github_pat_${'=+/.-_~!$&\'()*,;:@%{}[]|^`<>?#"\\'.repeat(4)}`
    const longest = `xoxb-${'x'.repeat(4096 - 5)}`

    const stored = await ana.patch(`/api/agents/${id}/credentials`, { githubToken: token, slackBotToken: longest })

    expect(stored.status).toBe(200)
    expect(await storedIn(house, secretId)).toMatchObject({ githubToken: token, slackBotToken: longest })
  })
})

describe.each(ADAPTERS)('onboarding over %s', (adapter) => {
  it('PRV-15 makes one agent of twenty identical calls, and gives them one answer', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const ana = await house.join(admin, EMAIL)
    const body = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }

    const replies = await Promise.all(
      Array.from({ length: 20 }, () => ana.post('/api/agents', body, { 'idempotency-key': 'same' })),
    )
    await house.settle()
    const other = await ana.post('/api/agents', { ...body, supportAccess: false }, { 'idempotency-key': 'same' })
    const repeated = await ana.post('/api/agents', body, { 'idempotency-key': 'same' })

    expect(new Set(replies.map((reply) => reply.text))).toEqual(new Set([replies[0]?.text]))
    expect(replies.every((reply) => reply.status === 202)).toBe(true)
    expect([other.status, repeated.status, repeated.text]).toEqual([422, 202, replies[0]?.text])
    expect((await ana.get('/api/agents')).body.agents).toHaveLength(1)
    expect(house.aws.machines.listRunning()).toHaveLength(1)
    expect(
      house.aws.database.all("SELECT id FROM kms_key WHERE state = 'Enabled' AND tags LIKE '%tenant%'"),
    ).toHaveLength(1)
  })

  it('I-23 takes one key of two tenants for two requests', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const body = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }
    const replies = []
    for (const email of [EMAIL, 'bob@example.com']) {
      const tenant = await house.join(admin, email)
      replies.push(await tenant.post('/api/agents', body, { 'idempotency-key': 'same' }))
      expect((await tenant.get('/api/agents')).body.agents).toHaveLength(1)
    }

    expect(replies.map((reply) => reply.status)).toEqual([202, 202])
    expect(replies[0]?.body.agent.id).not.toBe(replies[1]?.body.agent.id)
  })

  it('PRV-17 accepts exactly as many agents as the tenant may have', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const ana = await house.join(admin, EMAIL)

    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        ana.post('/api/agents', { name: `A${index}`, credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }),
      ),
    )

    expect(replies.filter((reply) => reply.status === 202)).toHaveLength(10)
    expect(
      replies.filter((reply) => reply.status === 409).every((reply) => reply.body.error.code === 'agent_limit_reached'),
    ).toBe(true)
  })

  it('PRV-01 resumes an onboarding that was cut off at any AWS call, when it is sent again', async () => {
    const body = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }
    for (let crashAt = 1; crashAt <= 12; crashAt += 1) {
      const crash = createCrash()
      const house = await createHarness({ adapter, seed: `onboard ${crashAt}`, hook: crash.hook })
      const admin = await house.joinAsAdmin()
      const ana = await house.join(admin, EMAIL)
      crash.arm(crashAt, 'after')
      void ana.post('/api/agents', body, { 'idempotency-key': 'k' })
      await Promise.race([
        expect.poll(crash.isDead, { interval: 2 }).toBe(true),
        new Promise((resolve) => setTimeout(resolve, 100)),
      ])

      const reborn = await createHarness({ adapter, aws: house.aws, clock: house.clock, seed: `reborn ${crashAt}` })
      const again = reborn.browse()
      await again.post('/api/login', { email: EMAIL, password: PASSWORD })
      const retried = await again.post('/api/agents', body, { 'idempotency-key': 'k' })
      for (let round = 0; round < 4; round += 1) {
        reborn.clock.advanceSeconds(60)
        await reborn.reconcile()
        await reborn.settle(4)
      }

      const { agents } = (await again.get('/api/agents')).body
      expect([crashAt, retried.status]).toEqual([crashAt, 202])
      expect([crashAt, agents.map((agent: { status: string }) => agent.status)]).toEqual([crashAt, ['ready']])
      expect(house.aws.machines.listRunning()).toHaveLength(1)
    }
  })
})

const exercise = async (
  house: Harness,
  planted: Record<string, string>,
): Promise<{ replies: Reply[]; ana: Browser; id: string }> => {
  const replies: Reply[] = []
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, EMAIL)
  const keep = async (reply: Promise<Reply>) => {
    const got = await reply
    replies.push(got)
    return got
  }
  const made = await keep(ana.post('/api/agents', { name: 'A', credentials: planted }, { 'idempotency-key': 'k' }))
  const id = made.body?.agent?.id ?? `agt_${'0'.repeat(26)}`
  await keep(ana.post('/api/agents', { name: 'A', credentials: { ...planted, githubToken: planted.slackBotToken } }))
  await keep(ana.post('/api/agents', { name: planted.githubToken, credentials: planted }))
  await keep(ana.get(`/api/agents?token=${planted.githubToken}`))
  await keep(ana.get(`/api/agents/${planted.githubToken}`))
  await keep(
    ana.patch(`/api/agents/${id}/credentials`, { [planted.githubToken ?? '']: 1, githubToken: planted.githubToken }),
  )
  await keep(
    ana.patch(`/api/agents/${id}/credentials`, {
      githubToken: planted.githubToken,
      slackAppToken: planted.slackAppToken,
    }),
  )
  await keep(ana.send('PATCH', `/api/agents/${id}/credentials`, { raw: `{"githubToken":"${planted.githubToken}"` }))
  await keep(ana.get('/api/agents'))
  await keep(ana.get('/api/audit'))
  return { replies, ana, id }
}

const withoutSecretVersions = (house: Harness): string => {
  const { sm_version: _, ...rest } = dumpAws(house.aws)
  return JSON.stringify(rest)
}

const PREFIX_LENGTHS: Record<string, number> = {
  claudeCodeToken: 13,
  anthropicApiKey: 13,
  githubToken: 4,
  slackBotToken: 5,
  slackAppToken: 7,
}

describe.each(ADAPTERS)('planted credentials over %s', (adapter) => {
  it('LEK-01 LEK-06 LEK-08 LEK-11 SEC-14 LOC-05 are nowhere but in their own secret’s ciphertext', async () => {
    const planted = {
      claudeCodeToken: 'sk-ant-oat01-QwzXrTvBn7pLm3kJh9gFd5sA',
      anthropicApiKey: 'sk-ant-api03-Ty6uIo8pAs2dFg4hJk1lZx7c',
      githubToken: 'ghp_Zx8cVb2nMq6wEr4tYu1iOp0aSd7fGh3j',
      slackBotToken: 'xoxb-Lk5jHg9fDs2aPo8iUy4tRe6wQm1n',
      slackAppToken: 'xapp-1-Bv3cXz7mNb1lKj5hGf9dSa4pOi8u',
    }
    const house = await createHarness({ adapter })
    const { replies, ana, id } = await exercise(house, planted)
    await house.settle()
    await ana.del(`/api/agents/${id}`)
    await house.settle(8)

    const sinks = [
      withoutSecretVersions(house),
      house.logs.join(''),
      ...replies.map((reply) => reply.text + JSON.stringify([...reply.headers])),
    ].join('\n')
    for (const [kind, value] of Object.entries(planted))
      expect([kind, findPlanted(sinks, value, PREFIX_LENGTHS[kind])]).toEqual([kind, []])
    const sealed = JSON.stringify(dumpAws(house.aws).sm_version)
    for (const value of Object.values(planted)) expect(sealed).not.toContain(value)
    const requests = house.aws.database.all('SELECT body FROM s3_object')
    expect(requests.length).toBeGreaterThan(1)
    for (const { body } of requests) {
      expect(ProvisionRequest.safeParse(JSON.parse(Buffer.from(body as Uint8Array).toString())).success).toBe(true)
    }
  })

  it('LEK-02 LEK-10 are nowhere when AWS calls fail with what they were given', async () => {
    const planted = {
      claudeCodeToken: 'sk-ant-oat01-FaUlTqWeRtYuIoPaSdFg',
      githubToken: 'ghp_FaIlInGzXcVbNmAsDfGhJkL',
      slackBotToken: 'xoxb-FaIlQpWoEiRuTyAlSkDj',
      slackAppToken: 'xapp-1-FaIlMzNxBcVlAkSjDhFg',
    }
    let unavailable = 0
    let echoed = ''
    for (let failAt = 1, hasFailed = true; hasFailed; failAt += 1) {
      let count = Number.NEGATIVE_INFINITY
      hasFailed = false
      const house = await createHarness({
        adapter,
        seed: `fail ${failAt}`,
        hook: async (call, proceed) => {
          count += 1
          if (count !== failAt) return proceed()
          hasFailed = true
          const message = `could not do ${JSON.stringify(call.input)}`
          echoed += message
          throw new AwsFault('ValidationException', message, { fields: { echoed: call.input } })
        },
      })
      const admin = await house.joinAsAdmin()
      const ana = await house.join(admin, EMAIL)
      count = 0
      const replies: Reply[] = []
      for (let turn = 0; turn < 2; turn += 1) {
        replies.push(await ana.post('/api/agents', { name: 'A', credentials: planted }, { 'idempotency-key': 'k' }))
        const listed = await ana.get('/api/agents')
        replies.push(listed)
        for (const { id } of listed.body.agents ?? [])
          replies.push(await ana.patch(`/api/agents/${id}/credentials`, { githubToken: planted.githubToken }))
      }
      unavailable += replies.filter(({ status }) => status === 503).length
      const sinks = [withoutSecretVersions(house), house.logs.join(''), ...replies.map(({ text }) => text)].join('\n')
      for (const [kind, value] of Object.entries(planted))
        expect([failAt, kind, findPlanted(sinks, value, PREFIX_LENGTHS[kind])]).toEqual([failAt, kind, []])
      expect(sinks).not.toContain(PASSWORD)
      expect(house.logs.join('')).not.toContain(ana.cookies.get('vestibule-local'))
    }
    // Else the calls failed in vain: nobody saw the errors, or nothing secret stood in them.
    expect(unavailable).toBeGreaterThan(10)
    expect(echoed).toContain(planted.githubToken)
  }, 60_000)
})
