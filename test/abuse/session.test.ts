import { describe, expect, it } from 'vitest'
import { ADAPTERS, createHarness, PASSWORD } from '../support/harness.ts'
import { type Browser, createBrowser } from '../support/browser.ts'
import { dumpAws } from '../support/sinks.ts'
import { PRODUCTION_COOKIES } from '../../lambdas/http/request.ts'
import { testPlatform } from '../support/harness.ts'

const COOKIE = 'vestibule-local'
const EMAIL = 'ana@example.com'

const withTenant = async (adapter: 'local' | 'lambda') => {
  const calls: string[] = []
  const house = await createHarness({
    adapter,
    hook: async (call, proceed) => {
      calls.push(call.operation)
      return proceed()
    },
  })
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, EMAIL)
  return { house, admin, ana, calls, token: ana.cookies.get(COOKIE) ?? '' }
}

/** Two sessions of one account, the second at a copy of the app whose next transaction waits until it is released. */
const withHeldWrite = async (adapter: 'local' | 'lambda') => {
  const { house, admin, ana } = await withTenant(adapter)
  let gate: { reached: () => void; released: Promise<void> } | null = null
  const slow = await createHarness({
    adapter,
    aws: house.aws,
    clock: house.clock,
    seed: 'slow',
    hook: async (call, proceed) => {
      const isAudited =
        call.operation === 'TransactWriteItems' && JSON.stringify(call.input).includes('vestibule-audit')
      if (gate !== null && isAudited) {
        const { reached, released } = gate
        gate = null
        reached()
        await released
      }
      return proceed()
    },
  })
  const late = slow.browse()
  await late.post('/api/login', { email: EMAIL, password: PASSWORD })
  const now = house.browse()
  for (const [name, value] of late.cookies) now.cookies.set(name, value)
  const hold = () => {
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    gate = { reached: reached.resolve, released: released.promise }
    return { reached: reached.promise, release: released.resolve }
  }
  return { house, admin, ana, other: { late, now }, hold }
}

describe.each(ADAPTERS)('sessions over %s', (adapter) => {
  it('SES-01 refuses every damaged cookie without a look-up', async () => {
    const { house, calls, token } = await withTenant(adapter)
    const damaged = Array.from(
      token,
      (char, index) => token.slice(0, index) + String.fromCharCode(char.charCodeAt(0) ^ 1) + token.slice(index + 1),
    )
    damaged.push(token.slice(0, -1), `${token}${token}`, `${token}=`, 'x', '.', '..')
    calls.length = 0

    for (const value of damaged.filter((text) => !/[;,\s"\\]/.test(text))) {
      const reply = await house.browse().get('/api/agents', { cookie: `${COOKIE}=${value}` })
      expect([value, reply.status]).toEqual([value, 401])
    }

    expect(calls).toEqual([])
  })

  it('SES-02 gives a new session at sign-in and does not adopt a sent one', async () => {
    const { house, ana, token } = await withTenant(adapter)
    await ana.post('/api/logout')

    const reply = await house
      .browse()
      .post('/api/login', { email: EMAIL, password: PASSWORD }, { cookie: `${COOKIE}=${token}` })

    expect(reply.status).toBe(200)
    expect(reply.setCookies[0]).not.toContain(token)
    expect((await house.browse().get('/api/agents', { cookie: `${COOKIE}=${token}` })).status).toBe(401)
  })

  it('SES-03 ends a session for every instance of the app at once', async () => {
    const { house, ana, token } = await withTenant(adapter)
    const other = await createHarness({ adapter, aws: house.aws, clock: house.clock, seed: 'other' })
    expect((await other.browse().get('/api/agents', { cookie: `${COOKIE}=${token}` })).status).toBe(200)

    await ana.post('/api/logout')

    for (const app of [house, other]) {
      expect((await app.browse().get('/api/agents', { cookie: `${COOKIE}=${token}` })).status).toBe(401)
      expect((await app.browse().post('/api/logout', undefined, { cookie: `${COOKIE}=${token}` })).status).toBe(401)
    }
  })

  it('SES-04 authenticates nothing that starts after the answer to "end all others"', async () => {
    const { house, ana } = await withTenant(adapter)
    const other = house.browse()
    await other.post('/api/login', { email: EMAIL, password: PASSWORD })
    let ended = false
    const outcomes: { startedAfter: boolean; status: number }[] = []
    const calls = Array.from({ length: 100 }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index % 10))
      const startedAfter = ended
      outcomes.push({ startedAfter, status: (await other.get('/api/agents')).status })
    })
    await new Promise((resolve) => setTimeout(resolve, 4))
    const reply = await ana.del('/api/sessions')
    ended = true
    await Promise.all(calls)

    expect(reply.status).toBe(204)
    expect(outcomes.filter(({ startedAfter, status }) => startedAfter && status !== 401)).toEqual([])
    expect((await ana.get('/api/agents')).status).toBe(200)
  })

  it.each([
    ['ends the others too', (browser: Browser) => browser.send('DELETE', '/api/sessions')],
    ['makes an API token', (browser: Browser) => browser.post('/api/tokens', { name: 'laptop' })],
    [
      'changes the password',
      (browser: Browser) =>
        browser.post('/api/password', { currentPassword: PASSWORD, newPassword: 'a violet tractor on top' }),
    ],
  ])('SES-04 brings nothing back of a session that was ended while it %s', async (_what, ask) => {
    for (const end of ['others', 'itself', 'tenant'] as const) {
      const { house, admin, ana, other, hold } = await withHeldWrite(adapter)
      const tenantId = (await ana.get('/api/session')).body.tenant.id
      const held = hold()
      const asked = ask(other.late)
      await held.reached
      if (end === 'others') expect((await ana.del('/api/sessions')).status).toBe(204)
      if (end === 'itself') expect((await other.now.post('/api/logout')).status).toBe(204)
      if (end === 'tenant') await admin.post(`/api/admin/tenants/${tenantId}/suspend`, {})
      held.release()
      const answer = await asked
      await admin.post(`/api/admin/tenants/${tenantId}/resume`)

      expect([end, answer.status]).toEqual([end, 401])
      expect((await other.late.get('/api/agents')).status).toBe(401)
      expect((await house.browse().post('/api/login', { email: EMAIL, password: PASSWORD })).status).toBe(200)
    }
  })

  it('SES-04 lets a session end the others twice at once', async () => {
    const { ana } = await withTenant(adapter)

    const replies = await Promise.all([ana.del('/api/sessions'), ana.del('/api/sessions')])

    expect(replies.map(({ status }) => status)).toEqual([204, 204])
    expect((await ana.get('/api/agents')).status).toBe(200)
  })

  it('SES-05 ends the other sessions and renews its own when the password changes', async () => {
    const { house, ana, token } = await withTenant(adapter)
    const others = [house.browse(), house.browse()]
    for (const other of others) await other.post('/api/login', { email: EMAIL, password: PASSWORD })

    const changed = await ana.post('/api/password', {
      currentPassword: PASSWORD,
      newPassword: 'another violet tractor',
    })

    expect(changed.status).toBe(204)
    for (const other of others) expect((await other.get('/api/agents')).status).toBe(401)
    expect(ana.cookies.get(COOKIE)).not.toBe(token)
    expect((await ana.get('/api/agents')).status).toBe(200)
    expect((await house.browse().get('/api/agents', { cookie: `${COOKIE}=${token}` })).status).toBe(401)
    expect((await house.browse().post('/api/login', { email: EMAIL, password: PASSWORD })).status).toBe(401)
    expect((await house.browse().post('/api/login', { email: EMAIL, password: 'another violet tractor' })).status).toBe(
      200,
    )
  })

  it('SES-08 SES-19 refuses a doubled cookie and looks nowhere else for a session', async () => {
    const { house, token } = await withTenant(adapter)
    const eve = await house.join(await adminOf(house), 'eve@example.com')
    const foreign = eve.cookies.get(COOKIE) ?? ''

    for (const cookie of [`${COOKIE}=${foreign}; ${COOKIE}=${token}`, `${COOKIE}=${token}; ${COOKIE}=${foreign}`]) {
      expect((await house.browse().get('/api/agents', { cookie })).status).toBe(400)
    }
    expect((await house.browse().get(`/api/agents?session=${token}`)).status).toBe(401)
    expect((await house.browse().get('/api/agents', { authorization: `Bearer ${token}` })).status).toBe(401)
    expect((await house.browse().get('/api/agents', { authorization: token, 'x-session': token })).status).toBe(401)
    expect((await house.browse().get('/api/agents', { cookie: `__Host-vestibule=${token}` })).status).toBe(401)
  })

  it('SES-11 SES-12 ends idle and absolute lifetimes by its own clock, rows or not', async () => {
    const { house, ana } = await withTenant(adapter)
    const rowsBefore = dumpAws(house.aws).ddb_item?.length
    house.clock.advanceSeconds(7 * 86_400 - 1)
    expect((await ana.get('/api/agents')).status).toBe(200)
    house.clock.advanceSeconds(7 * 86_400 + 1)
    expect((await ana.get('/api/agents')).status).toBe(401)
    expect(dumpAws(house.aws).ddb_item?.length).toBe(rowsBefore)

    const busy = house.browse()
    await busy.post('/api/login', { email: EMAIL, password: PASSWORD })
    for (let day = 0; day < 29; day += 1) {
      house.clock.advanceSeconds(86_400)
      expect((await busy.get('/api/agents')).status).toBe(200)
    }
    house.clock.advanceSeconds(86_400)
    expect((await busy.get('/api/agents')).status).toBe(401)
  })

  it('SES-11 keeps its absolute end when the password changes', async () => {
    const { house, ana } = await withTenant(adapter)
    for (let turn = 0; turn < 4; turn += 1) {
      house.clock.advanceSeconds(6 * 86_400)
      expect((await ana.get('/api/agents')).status).toBe(200)
    }
    const changed = await ana.post('/api/password', {
      currentPassword: PASSWORD,
      newPassword: 'another violet tractor',
    })
    expect([changed.status, (await ana.get('/api/agents')).status]).toEqual([204, 200])

    house.clock.advanceSeconds(6 * 86_400)

    expect((await ana.get('/api/agents')).status).toBe(401)
  })

  it('SES-14 applies a new role to the very next call', async () => {
    const { house, admin } = await withTenant(adapter)
    const second = await house.join(admin, 'second@example.com', { role: 'admin' })
    const { id } = (await second.get('/api/session')).body.account
    expect((await second.get('/api/admin/invites')).status).toBe(200)

    const demoted = await admin.send('PATCH', `/api/admin/accounts/${id}`, { body: { role: 'support' } })

    expect(demoted.status).toBe(200)
    expect((await second.get('/api/admin/invites')).status).toBe(403)
    const lastId = (await admin.get('/api/session')).body.account.id
    const last = await admin.send('PATCH', `/api/admin/accounts/${lastId}`, { body: { role: 'support' } })
    expect([last.status, last.body.error.code]).toEqual([409, 'last_admin'])
  })

  it('SES-15 keeps at most twenty sessions; the oldest ends', async () => {
    const { house, ana } = await withTenant(adapter)
    for (let turn = 0; turn < 25; turn += 1) {
      house.clock.advanceSeconds(4)
      await house.browse().post('/api/login', { email: EMAIL, password: PASSWORD })
    }

    const last = house.browse()
    house.clock.advanceSeconds(60)
    await last.post('/api/login', { email: EMAIL, password: PASSWORD })
    const { sessions } = (await last.get('/api/sessions')).body

    expect(sessions).toHaveLength(20)
    expect((await ana.get('/api/agents')).status).toBe(401)
    const victim = sessions.find((session: { current: boolean }) => !session.current)
    expect((await last.del(`/api/sessions/${victim.id}`)).status).toBe(204)
    expect((await last.del(`/api/sessions/${victim.id}`)).status).toBe(404)
  })

  it('SES-16 leaves nothing in the tables that would make a cookie', async () => {
    const { house, token } = await withTenant(adapter)
    const dump = JSON.stringify(dumpAws(house.aws))
    const random = token.split('.')[3] ?? ''

    expect(random).toHaveLength(43)
    expect(dump).not.toContain(random)
    for (let start = 0; start + 8 <= random.length; start += 1)
      expect(dump).not.toContain(random.slice(start, start + 8))
  })

  it('SES-17 answers 503 when the store cannot say who it is, and leaves the cookie alone', async () => {
    let broken = false
    const house = await createHarness({
      adapter,
      hook: async (call, proceed) => {
        if (broken && call.service === 'dynamodb') {
          const error = new Error('Rate of requests exceeds the allowed throughput.')
          error.name = 'ThrottlingException'
          Object.assign(error, { $fault: 'client', $metadata: { httpStatusCode: 400 }, statusCode: 400, fields: {} })
          throw Object.setPrototypeOf(error, (await import('../../local/aws/service.ts')).AwsFault.prototype)
        }
        return proceed()
      },
    })
    const admin = await house.joinAsAdmin()
    const ana = await house.join(admin, EMAIL)
    broken = true

    const replies = [await ana.get('/api/agents'), await ana.get('/api/session'), await ana.post('/api/agents', {})]

    for (const reply of replies) {
      expect(reply.status).toBe(503)
      expect(reply.body.error.code).toBe('unavailable')
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(reply.setCookies).toEqual([])
    }
    broken = false
    expect((await ana.get('/api/agents')).status).toBe(200)
  })
})

const adminOf = async (house: Awaited<ReturnType<typeof createHarness>>) => {
  const browser = house.browse()
  await browser.post('/api/login', { email: 'root@example.com', password: PASSWORD })
  return browser
}

describe('the session cookie in production', () => {
  it('SES-07 is __Host-, Secure, HttpOnly, Lax, for the whole site and no domain', async () => {
    const house = await createHarness({ platform: { ...testPlatform, cookies: PRODUCTION_COOKIES } })
    await house.joinAsAdmin()
    const browser = createBrowser(house.app)

    const reply = await browser.post('/api/login', { email: 'root@example.com', password: PASSWORD })

    for (const cookie of reply.setCookies) {
      expect(cookie).toMatch(/^__Host-vestibule(-known)?=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$/)
      expect(cookie.length).toBeLessThan(4096)
    }
    expect(reply.text).not.toContain(browser.cookies.get('__Host-vestibule'))
    const local = await house
      .browse()
      .get('/api/agents', { cookie: `vestibule-local=${browser.cookies.get('__Host-vestibule')}` })
    expect(local.status).toBe(401)
  })
})
