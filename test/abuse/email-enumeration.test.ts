import { describe, expect, it } from 'vitest'
import { ADAPTERS, createHarness, PASSWORD } from '../support/harness.ts'

const withoutRequestId = (text: string) => text.replace(/"requestId":"[^"]+"/, '')

describe.each(ADAPTERS)('e-mail addresses over %s', (adapter) => {
  it('EML-01 takes case variants for one address', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: 'Ana@Example.com' })
    const joined = await house
      .browse()
      .post('/api/signup', { invite: code, email: 'ana@example.COM', password: PASSWORD })
    const second = await house.invite(admin, { email: 'ANA@EXAMPLE.COM' })
    const again = await house
      .browse()
      .post('/api/signup', { invite: second.code, email: 'ana@example.com', password: PASSWORD })
    const login = await house.browse().post('/api/login', { email: 'aNa@eXample.com', password: PASSWORD })

    expect([joined.status, again.status, login.status]).toEqual([201, 403, 200])
    expect(joined.body.account.email).toBe('ana@example.com')
  })

  it('EML-02 EML-09 refuses look-alikes and exotic syntax, and folds nothing but ASCII', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: 'quack@example.com' })
    const addresses = [
      'quac\u212a@example.com',
      'm\u0131ke@example.com',
      '"quack"@example.com',
      'quack(c)@example.com',
      'quack@[127.0.0.1]',
      'quack@ex\u00e4mple.com',
      'quack@localhost',
      '@example.com',
      'quack@',
    ]

    for (const email of addresses) {
      expect((await house.browse().post('/api/signup', { invite: code, email, password: PASSWORD })).status).toBe(400)
      expect((await admin.post('/api/admin/invites', { email })).status).toBe(400)
    }
    expect(
      (await house.browse().post('/api/signup', { invite: code, email: 'quack@example.com', password: PASSWORD }))
        .status,
    ).toBe(201)
  })

  it('EML-04 keeps plus tags and dots apart', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: 'bob@x.example' })

    for (const email of ['bob+1@x.example', 'b.ob@x.example']) {
      expect((await house.browse().post('/api/signup', { invite: code, email, password: PASSWORD })).status).toBe(403)
    }
    expect(
      (await house.browse().post('/api/signup', { invite: code, email: 'bob@x.example', password: PASSWORD })).status,
    ).toBe(201)
  })

  it('EML-07 EML-10 refuses line breaks and over-long addresses, quickly', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const local = 'a'.repeat(64)
    const bad = [
      'bob@x.example\r\nBcc: eve@evil.example',
      'bob@x.example\n',
      'bob\u0000@x.example',
      `${local}a@example.com`,
      `a@${'b'.repeat(60)}.${'c'.repeat(190)}.com`,
    ]
    const startedAt = performance.now()

    for (const email of bad) expect((await admin.post('/api/admin/invites', { email })).status).toBe(400)
    const bomb = await admin.post('/api/admin/invites', { email: `${'a'.repeat(20_000)}@${'a.'.repeat(10_000)}` })
    const longest = await admin.post('/api/admin/invites', { email: `${local}@example.com` })

    expect([bomb.status, longest.status]).toEqual([400, 201])
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })

  it('EML-11 counts case variants of one address together', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    await house.join(admin, 'ana@example.com')
    const spellings = [
      'ana@example.com',
      'Ana@example.com',
      'aNa@example.com',
      'anA@example.com',
      'ANA@example.com',
      'ana@EXAMPLE.com',
    ]

    const statuses: number[] = []
    for (const email of spellings)
      statuses.push((await house.browse().post('/api/login', { email, password: 'not the right password' })).status)

    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
  })
})

describe.each(ADAPTERS)('what a stranger can find out over %s', (adapter) => {
  it('ENU-01 ENU-04 answers alike for unknown and known addresses, also when it holds back', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    await house.join(admin, 'ana@example.com')
    const sequence = async (email: string) => {
      const answers: string[] = []
      for (let turn = 0; turn < 7; turn += 1) {
        const reply = await house.browse().post('/api/login', { email, password: 'not the right password' })
        answers.push(`${reply.status} ${reply.headers.get('retry-after')} ${withoutRequestId(reply.text)}`)
      }
      return answers
    }

    const known = await sequence('ana@example.com')
    const unknown = await sequence('nobody@example.com')

    expect(unknown).toEqual(known)
    expect(known.map((answer) => answer.slice(0, 3))).toEqual(['401', '401', '401', '401', '401', '429', '429'])
  })

  it('ENU-01 hashes as often for an unknown address as for a known one', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    await house.join(admin, 'ana@example.com')
    const { verify, verifyDecoy } = house.deps.passwords
    let hashed = 0
    Object.assign(house.deps.passwords, {
      verify: (...given: Parameters<typeof verify>) => {
        hashed += 1
        return verify(...given)
      },
      verifyDecoy: (...given: Parameters<typeof verifyDecoy>) => {
        hashed += 1
        return verifyDecoy(...given)
      },
    })
    const count = async (email: string) => {
      hashed = 0
      await house.browse().post('/api/login', { email, password: 'not the right password' })
      return hashed
    }

    expect([await count('ana@example.com'), await count('nobody@example.com')]).toEqual([1, 1])
  })

  it('ENU-03 answers alike for every unusable invite', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const codes: string[] = []
    const expired = await house.invite(admin, { email: 'expired@example.com', expiresInHours: 1 })
    house.clock.advanceSeconds(3_601)
    codes.push(expired.code)
    const used = await house.invite(admin, { email: 'used@example.com' })
    await house.browse().post('/api/signup', { invite: used.code, email: 'used@example.com', password: PASSWORD })
    codes.push(used.code)
    const revoked = await house.invite(admin, { email: 'revoked@example.com' })
    await admin.del(`/api/admin/invites/${revoked.id}`)
    codes.push(revoked.code, 'nonsense', `vst_inv_${'B'.repeat(49)}`)

    const answers = new Set<string>()
    for (const code of codes) {
      for (const email of ['used@example.com', 'expired@example.com', 'revoked@example.com', 'x@example.com']) {
        const reply = await house.browse().post('/api/signup', { invite: code, email, password: PASSWORD })
        answers.add(`${reply.status} ${withoutRequestId(reply.text)}`)
      }
    }

    expect([...answers]).toHaveLength(1)
  })

  it('ENU-06 AUZ-01 answers alike for another tenant’s agent and one that does not exist, and notes it', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const ana = await house.join(admin, 'ana@example.com')
    const bob = await house.join(admin, 'bob@example.com')
    const { id } = (
      await bob.post('/api/agents', { name: 'B', credentials: { claudeCodeToken: 'sk-ant-oat01-aaaaaaaaaaaa' } })
    ).body.agent
    await house.settle(1)
    const random = `agt_${'0'.repeat(26)}`
    const verbs = [
      (agent: string) => ana.get(`/api/agents/${agent}`),
      (agent: string) => ana.patch(`/api/agents/${agent}/credentials`, { githubToken: 'ghp_aaaaaaaaaaaa' }),
      (agent: string) => ana.put(`/api/agents/${agent}/support-access`, { enabled: false }),
      (agent: string) => ana.post(`/api/agents/${agent}/stop`),
      (agent: string) => ana.post(`/api/agents/${agent}/start`),
      (agent: string) => ana.post(`/api/agents/${agent}/retry`),
      (agent: string) => ana.del(`/api/agents/${agent}`),
    ]
    const before = (await bob.get(`/api/agents/${id}`)).text

    for (const verb of verbs) {
      const foreign = await verb(id)
      const unknown = await verb(random)
      expect([foreign.status, unknown.status]).toEqual([404, 404])
      expect(withoutRequestId(foreign.text)).toBe(withoutRequestId(unknown.text))
    }

    expect((await bob.get(`/api/agents/${id}`)).text).toBe(before)
    const denials = (await ana.get('/api/audit?limit=100')).body.events.filter(
      (event: { action: string }) => event.action === 'access.denied',
    )
    expect(denials).toHaveLength(verbs.length * 2)
  })
})
