import { describe, expect, it } from 'vitest'
import { createPasswordHasher } from '../../lambdas/accounts/password-hash.ts'
import { tenantKeyPolicy } from '../../lambdas/credentials/tenant-key-policy.ts'
import { operations } from '../../lambdas/contract/operations.ts'
import { Secret } from '../../lambdas/core/secret.ts'
import { createApp } from '../../lambdas/http/app.ts'
import { addIdentityRoutes } from '../../lambdas/http/identity-routes.ts'
import { ORIGIN_PROOF_HEADER } from '../../lambdas/contract/site.ts'
import { originProof } from '../../lambdas/http/middleware/origin-proof.ts'
import { createBrowser } from '../support/browser.ts'
import { ADAPTERS, createHarness, CREDENTIALS, PASSWORD, testPlatform } from '../support/harness.ts'
import { createSeededRandom } from '../support/random.ts'
import { dumpAws } from '../support/sinks.ts'

const EMAIL = 'ana@example.com'

/** Who gets past the door of each call: 401 for nobody, 403 for the wrong kind. What is behind the door is another matter. */
const EXPECTED: Record<string, Record<'nobody' | 'tenant' | 'admin' | 'support', 'in' | 401 | 403>> = {
  public: { nobody: 'in', tenant: 'in', admin: 'in', support: 'in' },
  instance: { nobody: 'in', tenant: 'in', admin: 'in', support: 'in' },
  account: { nobody: 401, tenant: 'in', admin: 'in', support: 'in' },
  tenant: { nobody: 401, tenant: 'in', admin: 403, support: 403 },
  admin: { nobody: 401, tenant: 403, admin: 'in', support: 403 },
  support: { nobody: 401, tenant: 403, admin: 403, support: 'in' },
}
interface KeyStatement {
  Sid: string
  Action: string[]
  Condition?: Record<string, Record<string, string | string[]>>
}

const fill = (path: string) => path.replace('{id}', `agt_${'0'.repeat(26)}`)

describe.each(ADAPTERS)('who may do what over %s', (adapter) => {
  it('AUZ-05 AUZ-07 opens each call to exactly the callers in the table', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const callers = {
      nobody: house.browse(),
      tenant: await house.join(admin, EMAIL),
      admin,
      support: await house.join(admin, 'help@example.com', { role: 'support' }),
    }

    for (const [name, operation] of Object.entries(operations)) {
      const [method = '', path = ''] = name.split(' ')
      if (path === '/api/logout') continue
      for (const [who, browser] of Object.entries(callers)) {
        const reply = await browser.send(method, fill(path), {
          raw: operation.body === null ? undefined : '{"not":"this"}',
        })
        const expected = EXPECTED[operation.access]?.[who as keyof typeof callers]
        const isOut = reply.status === 401 || reply.status === 403 ? reply.status : 'in'
        expect([name, who, isOut]).toEqual([name, who, expected])
      }
    }
  })

  it('AUZ-02 takes the tenant from the session alone', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const ana = await house.join(admin, EMAIL)
    const bob = await house.join(admin, 'bob@example.com')
    await bob.post('/api/agents', { name: 'Bobs', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    const bobs = (await bob.get('/api/session')).body.tenant.id

    const byHeader = await ana.get('/api/agents', { 'x-tenant-id': bobs, 'x-tenant': bobs })
    const byQuery = await ana.get(`/api/agents?tenantId=${bobs}`)
    const byBody = await ana.post('/api/agents', {
      name: 'A',
      tenantId: bobs,
      credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken },
    })
    const cursor = Buffer.from(JSON.stringify([`AGENT#agt_${'z'.repeat(26)}`])).toString('base64url')
    const byCursor = await ana.get(`/api/agents?cursor=${cursor}`)

    expect([byHeader.status, byQuery.status, byBody.status, byCursor.status]).toEqual([200, 400, 400, 200])
    expect([byHeader.body.agents, byCursor.body.agents]).toEqual([[], []])
  })

  it('refuses a bearer token and a cookie of different accounts, and takes the bearer where they agree', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const ana = await house.join(admin, EMAIL)
    const bob = await house.join(admin, 'bob@example.com')
    const { secret, token } = (await ana.post('/api/tokens', { name: 'ci' })).body
    const authorization = `Bearer ${secret}`

    expect((await house.browse().get('/api/agents', { authorization })).status).toBe(200)
    expect((await ana.get('/api/agents', { authorization })).status).toBe(200)
    expect((await bob.get('/api/agents', { authorization })).status).toBe(400)
    expect((await ana.get('/api/agents', { authorization: 'Bearer vst_pat_nonsense' })).status).toBe(401)
    expect((await ana.del(`/api/tokens/${token.id}`)).status).toBe(204)
    expect((await house.browse().get('/api/agents', { authorization })).status).toBe(401)
    expect(JSON.stringify(dumpAws(house.aws))).not.toContain(secret.slice(8, 30))
  })

  it('ends an API token by its own clock, though its row is still there', async () => {
    const house = await createHarness({ adapter })
    const ana = await house.join(await house.joinAsAdmin(), EMAIL)
    const { secret } = (await ana.post('/api/tokens', { name: 'ci', expiresInDays: 1 })).body
    const ask = async () => (await house.browse().get('/api/agents', { authorization: `Bearer ${secret}` })).status
    house.clock.advanceSeconds(86_399)
    expect(await ask()).toBe(200)
    const rows = dumpAws(house.aws).ddb_item?.length

    house.clock.advanceSeconds(1)

    expect([await ask(), dumpAws(house.aws).ddb_item?.length]).toEqual([401, rows])
  })

  it('ends every session and token of a suspended tenant for good, and stops its agents', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const ana = await house.join(admin, EMAIL)
    const { secret } = (await ana.post('/api/tokens', { name: 'ci' })).body
    const { id } = (
      await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    ).body.agent
    await house.settle()
    const tenantId = (await ana.get('/api/session')).body.tenant.id

    const suspended = await admin.post(`/api/admin/tenants/${tenantId}/suspend`, { reason: 'unpaid' })
    await house.settle(5)
    const during = [
      await ana.get('/api/agents'),
      await house.browse().get('/api/agents', { authorization: `Bearer ${secret}` }),
      await house.browse().post('/api/login', { email: EMAIL, password: PASSWORD }),
    ]
    await admin.post(`/api/admin/tenants/${tenantId}/resume`)
    const after = [
      await ana.get('/api/agents'),
      await house.browse().get('/api/agents', { authorization: `Bearer ${secret}` }),
    ]
    const again = house.browse()
    await again.post('/api/login', { email: EMAIL, password: PASSWORD })

    expect(suspended.body.tenant.status).toBe('suspended')
    expect(during.map((reply) => reply.status)).toEqual([401, 401, 401])
    expect(after.map((reply) => reply.status)).toEqual([401, 401])
    expect((await again.get(`/api/agents/${id}`)).body.agent.status).toBe('stopped')
  })
})

describe('keys and doors', () => {
  it('AUZ-10 lets a tenant’s key be used only through Secrets Manager for that tenant’s secrets', () => {
    const policy: { Statement: KeyStatement[] } = JSON.parse(
      tenantKeyPolicy({ accountId: '111122223333', region: 'eu-central-1', stage: 'prod' }, 'ten_a'),
    )
    const use = policy.Statement.find((statement) => statement.Sid === 'UseForThisTenantsSecrets')

    expect(use?.Condition?.StringEquals?.['kms:ViaService']).toBe('secretsmanager.eu-central-1.amazonaws.com')
    expect(use?.Condition?.StringLike?.['kms:EncryptionContext:SecretARN']).toEqual([
      'arn:aws:secretsmanager:eu-central-1:111122223333:secret:vestibule/prod/tenant/ten_a/agent/*',
      'RequestToValidateKeyAccess',
    ])
    const unconditional = policy.Statement.filter((statement) => statement.Condition === undefined).flatMap(
      (statement) => statement.Action,
    )
    expect(unconditional.filter((action) => /Decrypt|Encrypt|GenerateDataKey|\*/.test(action))).toEqual([])
  })

  it('AUZ-12 answers only what came through the edge, with either live proof', async () => {
    const house = await createHarness()
    const proofs = [new Secret('a'.repeat(40)), new Secret('b'.repeat(40))]
    const browser = createBrowser(
      createApp(
        [addIdentityRoutes],
        house.deps,
        testPlatform,
        originProof(async () => proofs),
      ),
    )
    const ask = async (proof: string | null) =>
      (await browser.get('/api/health', { [ORIGIN_PROOF_HEADER]: proof })).status

    expect([await ask(null), await ask('c'.repeat(40)), await ask('')]).toEqual([403, 403, 403])
    expect([await ask('a'.repeat(40)), await ask('b'.repeat(40))]).toEqual([200, 200])
  })
})

describe.each(ADAPTERS)('passwords over %s', (adapter) => {
  it('PWD-01 PWD-03 PWD-04 holds to the published rule on sign-up, sign-in and change alike', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: EMAIL, tenantName: 'Analytical Engines' })
    const attempt = (password: string) => house.browse().post('/api/signup', { invite: code, email: EMAIL, password })
    const refused = {
      'fourteen chars': 'too_short',
      ['x1y2'.repeat(33)]: 'too_long',
      '123456789012345': 'well_known',
      qwertyuiopasdfgh: 'well_known',
      passwordpassword: 'well_known',
      P4ssw0rdP4ssw0rd: 'well_known',
      iloveyou12345678: 'well_known',
      '111111111111111': 'well_known',
      vestibulevestibule: 'well_known',
      [`${EMAIL} is me`]: 'contains_email',
      'Analytical Engines': 'contains_name',
    }
    for (const [password, rule] of Object.entries(refused)) {
      const reply = await attempt(password)
      expect([password, reply.status, reply.body.error.code, reply.body.error.issues[0].rule]).toEqual([
        password,
        400,
        'weak_password',
        rule,
      ])
    }
    const odd = '  Zo\u0065\u0308 \u202b likes 🚜  '

    const joined = await attempt(odd)

    expect(joined.status).toBe(201)
    expect((await house.browse().post('/api/login', { email: EMAIL, password: odd.normalize('NFC') })).status).toBe(200)
    expect((await house.browse().post('/api/login', { email: EMAIL, password: odd.trim() })).status).toBe(401)
    expect((await house.browse().post('/api/login', { email: EMAIL, password: odd.slice(0, -1) })).status).toBe(401)
  })

  it('PWD-09 refuses a huge password before it hashes anything', async () => {
    const house = await createHarness({ adapter })
    const huge = 'x'.repeat(1_000_000)

    expect((await house.browse().post('/api/login', { email: EMAIL, password: huge })).status).toBe(413)
    expect((await house.browse().post('/api/login', { email: EMAIL, password: 'x'.repeat(2_000) })).status).toBe(400)
  })

  it('PWD-05 renews an outdated hash at sign-in', async () => {
    const house = await createHarness({ adapter })
    const admin = await house.joinAsAdmin()
    await house.join(admin, EMAIL)
    const hashOf = async () => (await house.deps.accounts.readSignIn(EMAIL))?.passwordHash ?? ''
    const old = await hashOf()
    const stronger = createPasswordHasher(createSeededRandom('stronger'), {
      cost: { log2Cost: 5, blockSize: 8, parallelism: 1 },
    })
    Object.assign(house.deps.passwords, stronger)

    await house.browse().post('/api/login', { email: EMAIL, password: PASSWORD })

    expect(old).toMatch(/^\$scrypt\$ln=4,/)
    expect(await hashOf()).toMatch(/^\$scrypt\$ln=5,r=8,p=1\$/)
    expect((await house.browse().post('/api/login', { email: EMAIL, password: PASSWORD })).status).toBe(200)
  })

  it('PWD-08 lets a changed password win over a sign-in that renews the old hash', async () => {
    for (let seed = 0; seed < 10; seed += 1) {
      const house = await createHarness({ adapter, seed: `rehash ${seed}` })
      const admin = await house.joinAsAdmin()
      const ana = await house.join(admin, EMAIL)
      Object.assign(
        house.deps.passwords,
        createPasswordHasher(createSeededRandom('s'), { cost: { log2Cost: 5, blockSize: 8, parallelism: 1 } }),
      )

      const [, changed] = await Promise.all([
        house.browse().post('/api/login', { email: EMAIL, password: PASSWORD }),
        ana.post('/api/password', { currentPassword: PASSWORD, newPassword: 'another violet tractor' }),
      ])

      expect(changed.status).toBe(204)
      expect((await house.browse().post('/api/login', { email: EMAIL, password: PASSWORD })).status).toBe(401)
      expect(
        (await house.browse().post('/api/login', { email: EMAIL, password: 'another violet tractor' })).status,
      ).toBe(200)
    }
  })
})

describe('the real hash', () => {
  it('PWD-05 is scrypt N=2^17 r=8 p=1 with its own salt', async () => {
    const hasher = createPasswordHasher(createSeededRandom())
    const [first, second] = await Promise.all([hasher.hash(new Secret(PASSWORD)), hasher.hash(new Secret(PASSWORD))])

    expect(first).toMatch(/^\$scrypt\$ln=17,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(first).not.toBe(second)
    expect(await hasher.verify(new Secret(PASSWORD), first)).toBe('right')
    expect(await hasher.verify(new Secret('something else entirely'), first)).toBe('wrong')
  })
})
