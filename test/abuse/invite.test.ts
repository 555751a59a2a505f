import { describe, expect, it } from 'vitest'
import { ADAPTERS, createHarness, PASSWORD } from '../support/harness.ts'
import { dumpAws } from '../support/sinks.ts'

const EMAIL = 'ana@example.com'

const withoutRequestId = (text: string) => text.replace(/"requestId":"[^"]+"/, '')

describe.each(ADAPTERS)('invites over %s', (adapter) => {
  it('INV-02 refuses a code that was used, with the bytes of an unknown code', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: EMAIL })
    await house.browse().post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })

    const again = await house.browse().post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })
    const other = await house
      .browse()
      .post('/api/signup', { invite: code, email: 'eve@example.com', password: PASSWORD })
    const unknown = await house
      .browse()
      .post('/api/signup', { invite: `vst_inv_${'A'.repeat(43)}AAAAAA`, email: EMAIL, password: PASSWORD })

    expect([again.status, other.status, unknown.status]).toEqual([403, 403, 403])
    expect(withoutRequestId(again.text)).toBe(withoutRequestId(unknown.text))
    expect(withoutRequestId(other.text)).toBe(withoutRequestId(unknown.text))
  })

  it('INV-06 binds the account to the tenant of its invite, whatever the caller says', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const first = await house.join(admin, 'bob@example.com')
    const other = (await first.get('/api/session')).body.tenant.id
    const { code, tenantId } = await house.invite(admin, { email: EMAIL })
    const body = { invite: code, email: EMAIL, password: PASSWORD }

    const inBody = await house.browse().post('/api/signup', { ...body, tenantId: other })
    const inQuery = await house.browse().post(`/api/signup?tenantId=${other}`, body)
    const inHeader = await house.browse().post('/api/signup', body, { 'x-tenant-id': other })

    expect([inBody.status, inQuery.status, inHeader.status]).toEqual([400, 400, 201])
    expect(inHeader.body.tenant.id).toBe(tenantId)
  })

  it('INV-07 refuses another e-mail and leaves the invite as it is', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: EMAIL })

    const eve = await house.browse().post('/api/signup', { invite: code, email: 'eve@example.com', password: PASSWORD })
    const ana = await house.browse().post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })

    expect([eve.status, ana.status]).toEqual([403, 201])
  })

  it('INV-09 consumes nothing by looking', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: EMAIL })
    for (let visit = 0; visit < 20; visit += 1) {
      for (const method of ['GET', 'HEAD', 'OPTIONS']) await house.browse().send(method, '/api/signup')
      const looked = await house.browse().post('/api/invites/inspect', { invite: code })
      expect(looked.setCookies).toEqual([])
      expect(looked.headers.get('cache-control')).toBe('no-store')
    }

    const joined = await house.browse().post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })

    expect(joined.status).toBe(201)
  })

  it('INV-10 refuses an address that has an account; its password stays', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    await house.join(admin, EMAIL)
    const second = await house.invite(admin, { email: EMAIL })

    const taken = await house
      .browse()
      .post('/api/signup', { invite: second.code, email: EMAIL, password: 'another violet tractor' })
    const old = await house.browse().post('/api/login', { email: EMAIL, password: PASSWORD })
    const fresh = await house.browse().post('/api/login', { email: EMAIL, password: 'another violet tractor' })
    const listed = await admin.get('/api/admin/invites')

    expect([taken.status, old.status, fresh.status]).toEqual([403, 200, 401])
    expect(listed.body.invites.find((invite: { id: string }) => invite.id === second.id).state).toBe('pending')
  })

  it('INV-11 is not burnt by attempts that fail', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: EMAIL })
    const browser = house.browse()
    const attempts = [
      await browser.post('/api/signup', { invite: code, email: EMAIL, password: 'short' }),
      await browser.send('POST', '/api/signup', { raw: '{"invite":' }),
      await browser.send('POST', '/api/signup', { raw: `"${'x'.repeat(70_000)}"` }),
      await browser.post('/api/signup', { invite: code, email: EMAIL, password: 'passwordpassword' }),
      await browser.post('/api/signup', { invite: code, email: EMAIL }),
    ]

    const good = await browser.post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })

    expect(attempts.map((attempt) => attempt.status)).toEqual([400, 400, 413, 400, 400])
    expect(good.status).toBe(201)
  })

  it('INV-15 builds the link from configuration, never from a header', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const headers = {
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
      'x-forwarded-proto': 'gopher',
    }

    const issued = await admin.post('/api/admin/invites', { email: EMAIL }, headers)

    expect(issued.body.link).toMatch(/^http:\/\/localhost:3000\/join#vst_inv_/)
    expect(JSON.stringify(dumpAws(house.aws))).not.toContain('evil.example')
  })

  it('INV-18 refuses every damaged code with one answer', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: EMAIL })
    const damaged = [...code].map(
      (char, index) => code.slice(0, index) + (char === 'a' ? 'b' : 'a') + code.slice(index + 1),
    )
    damaged.push(code.slice(0, -1), `${code}a`, code.toUpperCase(), ` ${code}`, `${code} `)
    const answers = new Set<string>()

    for (const [index, invite] of damaged.entries()) {
      const browser = house.browse({ address: `198.51.100.${Math.floor(index / 20)}` })
      const reply = await browser.post('/api/signup', { invite, email: EMAIL, password: PASSWORD })
      answers.add(`${reply.status} ${withoutRequestId(reply.text)}`)
    }

    expect([...answers]).toHaveLength(1)
    expect([...answers][0]).toMatch(/^403 .*invite_invalid/)
  })

  it('INV-21 stops a flood of invites at the quota', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const statuses: number[] = []
    let retryAfter: string | null = null
    for (let index = 0; index < 310; index += 1) {
      const reply = await admin.post('/api/admin/invites', { email: `n${index}@example.com` })
      statuses.push(reply.status)
      retryAfter = reply.headers.get('retry-after') ?? retryAfter
    }

    expect(statuses.filter((status) => status === 201)).toHaveLength(300)
    expect(statuses.filter((status) => status === 429)).toHaveLength(10)
    expect(Number(retryAfter)).toBeGreaterThan(0)
  })

  it('INV-23 kills the older link when it is sent again', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const { id, code } = await house.invite(admin, { email: EMAIL })
    const resent = await admin.post(`/api/admin/invites/${id}/resend`)

    const old = await house.browse().post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })
    const fresh = await house
      .browse()
      .post('/api/signup', { invite: house.codeOf(resent.body.link), email: EMAIL, password: PASSWORD })

    expect([resent.status, old.status, fresh.status]).toEqual([200, 403, 201])
  })

  it('INV-25 refuses an invite into a suspended tenant', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const bob = await house.join(admin, 'bob@example.com')
    const tenantId = (await bob.get('/api/session')).body.tenant.id
    const { code } = await house.invite(admin, { email: EMAIL, tenantId })
    await admin.post(`/api/admin/tenants/${tenantId}/suspend`)

    const joined = await house.browse().post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })

    expect(joined.status).toBe(403)
    expect(joined.setCookies).toEqual([])
  })
})

describe('invites under concurrency', () => {
  it('INV-01 makes exactly one account out of 200 parallel redemptions', async () => {
    const house = await createHarness()
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: EMAIL })
    const passwords = Array.from({ length: 200 }, (_, index) => `violet tractor number ${index}`)

    const replies = await Promise.all(
      passwords.map((password, index) =>
        house
          .browse({ address: `198.51.100.${index % 100}` })
          .post('/api/signup', { invite: code, email: EMAIL, password }),
      ),
    )

    const winners = replies.flatMap((reply, index) => (reply.status === 201 ? [index] : []))
    expect(winners).toHaveLength(1)
    expect(replies.filter((reply) => reply.status >= 500)).toEqual([])
    expect(replies.filter((reply) => reply.status === 403)).toHaveLength(199)
    const winner = await house.browse().post('/api/login', { email: EMAIL, password: passwords[winners[0] ?? 0] })
    const loser = await house
      .browse()
      .post('/api/login', { email: EMAIL, password: passwords[((winners[0] ?? 0) + 1) % 200] })
    expect([winner.status, loser.status]).toEqual([200, 401])
  })

  it('INV-04 lets either the revocation or the redemption win', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const house = await createHarness({ seed: `revoke ${seed}` })
      const admin = await house.joinAsAdmin()
      const { id, code } = await house.invite(admin, { email: EMAIL })
      const redeem = () => house.browse().post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })
      const revoke = () => admin.del(`/api/admin/invites/${id}`)

      const [first, second] = await Promise.all(seed % 2 === 0 ? [redeem(), revoke()] : [revoke(), redeem()])
      const [redeemed, revoked] = seed % 2 === 0 ? [first, second] : [second, first]

      expect([
        [201, 409],
        [403, 204],
      ]).toContainEqual([redeemed?.status, revoked?.status])
    }
  })

  it('INV-23 sends an invite again for each of four who ask at once; the last link is the one that works', async () => {
    const house = await createHarness()
    const admin = await house.joinAsAdmin()
    const { id } = await house.invite(admin, { email: EMAIL })

    const resent = await Promise.all([1, 2, 3, 4].map(() => admin.post(`/api/admin/invites/${id}/resend`)))

    expect(resent.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const looked = await Promise.all(
      resent.map(({ body }) => house.browse().post('/api/invites/inspect', { invite: house.codeOf(body.link) })),
    )
    expect(looked.map(({ status }) => status).toSorted()).toEqual([200, 404, 404, 404])
  })

  it('INV-20 leaves one account when two admins invite one address at once', async () => {
    for (let seed = 0; seed < 10; seed += 1) {
      const house = await createHarness({ seed: `two ${seed}` })
      const admin = await house.joinAsAdmin()

      const issued = await Promise.all([1, 2].map(() => admin.post('/api/admin/invites', { email: EMAIL })))

      expect(issued.map((reply) => reply.status).toSorted()).toEqual([201, 409])
      const links = issued.flatMap((reply) => (reply.status === 201 ? [house.codeOf(reply.body.link)] : []))
      const joined = await Promise.all(
        links.map((code) => house.browse().post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })),
      )
      expect(joined.map((reply) => reply.status)).toEqual([201])
    }
  })

  it('INV-12 keeps the account when the answer of a redemption is lost', async () => {
    let crash = false
    const house = await createHarness({
      hook: async (call, proceed) => {
        const result = await proceed()
        if (crash && call.operation === 'TransactWriteItems') await new Promise(() => undefined)
        return result
      },
    })
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: EMAIL })
    crash = true
    void house.browse().post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })
    await new Promise((resolve) => setTimeout(resolve, 200))

    const reborn = await createHarness({ aws: house.aws, clock: house.clock, seed: 'reborn' })
    const repeated = await reborn.browse().post('/api/signup', { invite: code, email: EMAIL, password: PASSWORD })
    const signedIn = await reborn.browse().post('/api/login', { email: EMAIL, password: PASSWORD })

    expect(repeated.status).toBe(403)
    expect(signedIn.status).toBe(200)
  })

  it('INV-17 stores a hash and no part of the code', async () => {
    const house = await createHarness()
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: EMAIL })

    const everything = JSON.stringify(dumpAws(house.aws)) + house.logs.join('')

    const secretPart = code.slice('vst_inv_'.length + 22)
    const bytes = Buffer.from(code.slice('vst_inv_'.length, -6), 'base64url')
    for (const encoding of ['hex', 'base64'] as const)
      expect(everything).not.toContain(bytes.subarray(16).toString(encoding).slice(0, 20))
    for (let start = 0; start + 8 <= secretPart.length; start += 1) {
      expect(everything).not.toContain(secretPart.slice(start, start + 8))
    }
  })
})
