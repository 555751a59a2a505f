import { describe, expect, it } from 'vitest'
import { LIMITS_PER_MINUTE } from '../../lambdas/contract/facts.ts'
import { ADAPTERS, createHarness, CREDENTIALS, PASSWORD } from '../support/harness.ts'
import { liveMachines } from '../support/machine.ts'

const EMAIL = 'ana@example.com'
const WRONG = 'not the right password'

describe.each(ADAPTERS)('limits over %s', (adapter) => {
  it('S12 hold a tenant that floods, and no other; closing and deleting are never held', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const [ana, bob] = [await house.join(admin, 'ana@example.com'), await house.join(admin, 'bob@example.com')]
    const body = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken }, supportAccess: false }
    const { id } = (await ana.post('/api/agents', body)).body.agent
    const allow = (enabled: boolean) => ana.put(`/api/agents/${id}/support-access`, { enabled })
    const opened: number[] = []
    for (let turn = 0; turn < LIMITS_PER_MINUTE.change; turn += 1) {
      opened.push((await allow(true)).status)
      if (opened.at(-1) === 200) expect((await allow(false)).status).toBe(200)
    }

    const over = await allow(true)
    // The agent itself was the first of them.
    expect(opened).toEqual([...Array.from({ length: LIMITS_PER_MINUTE.change - 1 }, () => 200), 429])
    expect([over.status, over.body.error.code]).toEqual([429, 'rate_limited'])
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await ana.post('/api/agents', { ...body, name: 'B' })).status).toBe(429)
    expect((await bob.post('/api/agents', body)).status).toBe(202)
    expect((await allow(false)).status).toBe(200)
    house.clock.advanceSeconds(60)
    expect((await allow(true)).status).toBe(200)
    expect((await ana.post('/api/agents', { ...body, name: 'B' })).status).toBe(202)
    expect((await ana.del(`/api/agents/${id}`)).status).toBe(202)
  })

  it('S12 hold no admin who suspends the tenant: its agents stop, whatever it has spent', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const ana = await house.join(admin, 'ana@example.com')
    const { id: tenantId } = (await ana.get('/api/session')).body.tenant
    await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    await house.settle()
    for (let turn = 0; turn <= LIMITS_PER_MINUTE.change; turn += 1) await house.deps.limiter.take('change', tenantId)

    expect((await admin.post(`/api/admin/tenants/${tenantId}/suspend`, {})).status).toBe(200)
    await house.settle()

    expect(liveMachines(house).map(({ state }) => state)).toEqual(['stopped'])
  })

  it('RAT-01 RAT-03 counts the peer, whatever forwarded headers say', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    await house.join(admin, EMAIL)
    const statuses: number[] = []
    for (let turn = 0; turn < 60; turn += 1) {
      const headers = {
        'x-forwarded-for': `10.1.${turn}.1, 10.2.2.${turn}`,
        forwarded: `for=10.3.3.${turn}`,
        'x-real-ip': `10.4.4.${turn}`,
      }
      statuses.push(
        (await house.browse().post('/api/login', { email: `u${turn}@example.com`, password: WRONG }, headers)).status,
      )
    }

    expect(statuses.filter((status) => status === 401)).toHaveLength(20)
    expect(statuses.filter((status) => status === 429)).toHaveLength(40)
  })

  it('RAT-05 finds no second spelling of a path', async () => {
    const house = await createHarness({ adapter })
    const paths = [
      '//api/login',
      '/api/login/',
      '/API/login',
      '/api/Login',
      '/api/%6cogin',
      '/api/login;x',
      '/api/./login',
      '/api/x/../login',
      '/api//login',
    ]

    for (const path of paths) {
      const reply = await house.browse().post(path, { email: EMAIL, password: WRONG })
      // A URL parser folds dot segments before anybody sees them: those are the one path itself.
      expect([path, reply.status]).toEqual([path, /\/\.\.?\//.test(path) ? 401 : 404])
    }
  })

  it('RAT-08 lets the owner in past a stranger who holds the account back', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const ana = await house.join(admin, EMAIL)
    for (let turn = 0; turn < 12; turn += 1) {
      await house.browse({ address: `198.51.100.${turn}` }).post('/api/login', { email: EMAIL, password: WRONG })
    }

    const stranger = await house
      .browse({ address: '198.51.100.99' })
      .post('/api/login', { email: EMAIL, password: PASSWORD })
    const session = await ana.get('/api/agents')
    await ana.post('/api/logout')
    const owner = await ana.post('/api/login', { email: EMAIL, password: PASSWORD })
    house.clock.advanceSeconds(15 * 60 + 1)
    const later = await house
      .browse({ address: '198.51.100.98' })
      .post('/api/login', { email: EMAIL, password: PASSWORD })

    expect([stranger.status, session.status, owner.status, later.status]).toEqual([429, 200, 200, 200])
    expect(Number(stranger.headers.get('retry-after'))).toBeLessThanOrEqual(15 * 60)
  })

  it('gives a whole row of five again after a back-off, and holds a known browser by its own failures', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const ana = await house.join(admin, EMAIL)
    const tries = async () => {
      const statuses: number[] = []
      for (let turn = 0; turn < 6; turn += 1)
        statuses.push((await ana.post('/api/login', { email: EMAIL, password: WRONG })).status)
      return statuses
    }

    const first = await tries()
    house.clock.advanceSeconds(15 * 60 + 1)
    const second = await tries()

    expect(first).toEqual([401, 401, 401, 401, 401, 429])
    expect(second).toEqual([401, 401, 401, 401, 401, 429])
  })

  it('RAT-10 AVL-01 stops probing for invites and hashes nothing for it', async () => {
    const house = await createHarness({ adapter })
    const counts = { 403: 0, 429: 0 } as Record<number, number>
    for (let turn = 0; turn < 100; turn += 1) {
      const reply = await house
        .browse()
        .post('/api/signup', { invite: `vst_inv_${turn}`, email: EMAIL, password: PASSWORD })
      counts[reply.status] = (counts[reply.status] ?? 0) + 1
    }
    const inspected = { 404: 0, 429: 0 } as Record<number, number>
    for (let turn = 0; turn < 100; turn += 1) {
      const reply = await house.browse().post('/api/invites/inspect', { invite: `vst_inv_${turn}` })
      inspected[reply.status] = (inspected[reply.status] ?? 0) + 1
    }

    expect(counts).toEqual({ 403: 30, 429: 70 })
    expect(inspected).toEqual({ 404: 60, 429: 40 })
  })

  it('lets exactly twenty of a hundred parallel sign-ins through', async () => {
    const house = await createHarness({ adapter })

    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, turn) =>
        house.browse().post('/api/login', { email: `p${turn}@example.com`, password: WRONG }),
      ),
    )

    expect(replies.filter((reply) => reply.status === 401)).toHaveLength(20)
    expect(
      replies.filter((reply) => reply.status === 429).every((reply) => Number(reply.headers.get('retry-after')) > 0),
    ).toBe(true)
  })
})

describe('address buckets', () => {
  it('RAT-04 gives one bucket to one client in every spelling', async () => {
    const { addressBucket } = await import('../../lambdas/limits/address-bucket.ts')
    const v4 = ['203.0.113.7', '::ffff:203.0.113.7', '::ffff:cb00:7107', '0:0:0:0:0:ffff:cb00:7107']
    const v6 = Array.from({ length: 1000 }, (_, index) => `2001:db8:1:2:${index.toString(16)}::${index.toString(16)}`)

    expect(new Set(v4.map(addressBucket))).toEqual(new Set(['203.0.113.7']))
    expect(new Set(v6.map(addressBucket))).toEqual(new Set(['2001:db8:1:2::/64']))
    expect(addressBucket('2001:db8:1:3::1')).toBe('2001:db8:1:3::/64')
    expect(addressBucket('fe80::1%eth0')).toBe('fe80:0:0:0::/64')
    expect(['', 'garbage', '300.1.1.1', '1.2.3.4:80'].map(addressBucket)).toEqual([
      'unknown',
      'unknown',
      'unknown',
      'unknown',
    ])
  })
})
