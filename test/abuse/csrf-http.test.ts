import type { LambdaEvent } from 'hono/aws-lambda'
import { describe, expect, it, vi } from 'vitest'
import { operations } from '../../lambdas/contract/operations.ts'
import { ErrorBody } from '../../lambdas/contract/errors.ts'
import { createHttpHandler } from '../../lambdas/entry/http-handler.ts'
import { ADAPTERS, createHarness, CREDENTIALS, PASSWORD } from '../support/harness.ts'
import { lambdaTestPlatform, toGatewayEvent } from '../support/lambda.ts'
import { ORIGIN } from '../support/browser.ts'
import { dumpAws } from '../support/sinks.ts'

const EMAIL = 'ana@example.com'
const fill = (path: string) => path.replace('{id}', `agt_${'0'.repeat(26)}`)
const UNSAFE = Object.entries(operations).filter(
  ([name, operation]) => !name.startsWith('GET') && operation.access !== 'instance',
)
const WITH_BODY = Object.entries(operations).filter(([, operation]) => operation.body !== null)

const withTenant = async (adapter: 'local' | 'lambda') => {
  const house = await createHarness({ adapter })
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, EMAIL)
  return { house, admin, ana }
}

describe.each(ADAPTERS)('cross-site requests over %s', (adapter) => {
  it('CSR-01 CSR-02 CSR-03 refuses foreign, null and unstated origins on every unsafe call, and writes nothing', async () => {
    const { house, ana } = await withTenant(adapter)
    const before = JSON.stringify(dumpAws(house.aws))
    const refused: Record<string, string | null>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'null', 'sec-fetch-site': 'same-origin' },
      { origin: `${ORIGIN}.evil.example` },
      { origin: null, 'sec-fetch-site': 'cross-site' },
      { origin: null, 'sec-fetch-site': 'same-site' },
      { origin: null, 'sec-fetch-site': 'none' },
      { origin: null },
    ]

    for (const [name] of UNSAFE) {
      const [method = '', path = ''] = name.split(' ')
      for (const headers of refused) {
        const reply = await ana.send(method, fill(path), { headers })
        expect([name, JSON.stringify(headers), reply.status, reply.body?.error?.code]).toEqual([
          name,
          JSON.stringify(headers),
          403,
          'cross_site',
        ])
      }
    }

    expect(JSON.stringify(dumpAws(house.aws))).toBe(before)
  })

  it('CSR-03 lets the browser’s own word stand in for an origin, and exempts a bearer call without a cookie', async () => {
    const { house, ana } = await withTenant(adapter)
    const sameOrigin = await ana.post('/api/tokens', { name: 'one' }, { origin: null, 'sec-fetch-site': 'same-origin' })
    const { secret } = sameOrigin.body

    const bearer = await house
      .browse()
      .post('/api/tokens', { name: 'two' }, { origin: null, authorization: `Bearer ${secret}` })
    const foreignBearer = await house
      .browse()
      .post('/api/tokens', { name: 'three' }, { origin: 'https://ci.example', authorization: `Bearer ${secret}` })

    expect([sameOrigin.status, bearer.status, foreignBearer.status]).toEqual([201, 201, 201])
  })

  it('CSR-05 takes no body that is not declared as JSON', async () => {
    const { house, ana } = await withTenant(adapter)
    const before = JSON.stringify(dumpAws(house.aws))

    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/jsonp',
      'text/json',
      null,
    ]) {
      const reply = await ana.send('POST', '/api/tokens', { body: { name: 'x' }, headers: { 'content-type': type } })
      // A Request with a text body and no type is given text/plain by the platform.
      expect([type, reply.status, reply.body.error.code]).toEqual([type, 415, 'unsupported_media_type'])
    }

    expect(JSON.stringify(dumpAws(house.aws))).toBe(before)
  })

  it('CSR-07 overrides no method and changes nothing by GET', async () => {
    const { house, ana } = await withTenant(adapter)
    const { id } = (
      await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    ).body.agent
    const before = JSON.stringify(dumpAws(house.aws).ddb_item)

    await ana.get(`/api/agents/${id}`, { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE' })
    const byQuery = await ana.get(`/api/agents/${id}?_method=DELETE`)
    for (const path of [`/api/agents/${id}/stop`, '/api/logout', '/api/signup']) {
      expect((await ana.get(path)).status).toBe(404)
      expect((await ana.send('HEAD', path)).status).toBe(404)
    }

    expect(byQuery.status).toBe(400)
    expect(JSON.stringify(dumpAws(house.aws).ddb_item)).toBe(before)
  })

  it('CSR-08 refuses cross-site sign-in, sign-up and sign-out without any cookie', async () => {
    const { house } = await withTenant(adapter)
    const headers = { origin: 'https://evil.example' }

    const replies = [
      await house.browse().post('/api/login', { email: EMAIL, password: PASSWORD }, headers),
      await house.browse().post('/api/signup', { invite: 'x', email: EMAIL, password: PASSWORD }, headers),
      await house.browse().post('/api/logout', undefined, headers),
    ]

    for (const reply of replies) {
      expect(reply.status).toBe(403)
      expect(reply.setCookies).toEqual([])
    }
  })
})

describe.each(ADAPTERS)('requests that do not fit over %s', (adapter) => {
  it('HTP-01 HTP-02 measures the real length on every route that takes a body', async () => {
    const { ana } = await withTenant(adapter)
    const big = JSON.stringify({ padding: 'x'.repeat(64 * 1024) })

    for (const [name] of WITH_BODY) {
      const [method = '', path = ''] = name.split(' ')
      const reply = await ana.send(method, fill(path), { raw: big })
      expect([name, reply.status, reply.body.error.code]).toEqual([name, 413, 'too_large'])
    }
    const exact = `{"name":"${'x'.repeat(64 * 1024 - 11)}"}`
    expect(Buffer.byteLength(exact)).toBe(64 * 1024)
    expect((await ana.send('POST', '/api/tokens', { raw: exact })).status).toBe(400)
    expect((await ana.send('POST', '/api/tokens', { raw: `${exact} ` })).status).toBe(413)
  })

  it('HTP-04 HTP-05 HTP-09 HTP-10 refuses what JSON should not hold', async () => {
    const { ana } = await withTenant(adapter)
    const before = Object.getOwnPropertyNames(Object.prototype).length
    const documents = [
      '{"__proto__":{"admin":true}}',
      '{"name":"x","constructor":{"prototype":{"admin":true}}}',
      '{"name":"x","a":{"b":{"c":{"__proto__":1}}}}',
      '{"name":"x","\\u005f_proto__":1}',
      '{"name":"a","name":"b"}',
      '{"name":"a","n\\u0061me":"b"}',
      '['.repeat(10_000) + ']'.repeat(10_000),
      `${'{"a":'.repeat(21)}1${'}'.repeat(21)}`,
      `{${Array.from({ length: 5_000 }, (_, index) => `"k${index}":1`).join(',')}}`,
      '{"name":"x","expiresInDays":1e400}',
      '{"name":"x","expiresInDays":9007199254740993}',
      `{"name":"x","expiresInDays":${'9'.repeat(60_000)}}`,
      'null',
      '[]',
      '"text"',
      '7',
      'true',
      '{}{}',
      '{"name":"x"} trailing',
      '{"name":"x",}',
      "{'name':'x'}",
      '{"name":"\u0000"}',
      '{"name":"\\ud800"}',
      '\ufeff{"name":"x"}',
      '',
    ]
    const startedAt = performance.now()

    for (const raw of documents) {
      const reply = await ana.send('POST', '/api/tokens', { raw })
      expect([raw.slice(0, 40), reply.status]).toEqual([raw.slice(0, 40), 400])
      expect(ErrorBody.safeParse(reply.body).success).toBe(true)
    }

    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(Object.getOwnPropertyNames(Object.prototype).length).toBe(before)
    expect((await ana.get('/api/tokens')).body.tokens).toEqual([])
  })

  it('HTP-07 INJ-05 refuses control characters in every text', async () => {
    const { house, admin, ana } = await withTenant(adapter)
    for (const code of [0, 1, 8, 10, 13, 27, 31, 0x85, 0x2028]) {
      const char = String.fromCharCode(code)
      const replies = [
        await ana.post('/api/tokens', { name: `a${char}b` }),
        await ana.post('/api/agents', {
          name: `a${char}b`,
          credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken },
        }),
        await ana.post('/api/agents', {
          name: 'ab',
          credentials: { claudeCodeToken: `${CREDENTIALS.claudeCodeToken}${char}b` },
        }),
        await admin.post('/api/admin/invites', { email: 'new@example.com', tenantName: `a${char}b` }),
        await admin.post('/api/admin/invites', { email: `new${char}@example.com` }),
      ]
      for (const reply of replies) expect(reply.status).toBe(400)
    }
    await house
      .browse({ userAgent: 'Mozilla {"level":"error"} evil' })
      .post('/api/login', { email: EMAIL, password: PASSWORD })
    for (const line of house.logs) expect(() => JSON.parse(line)).not.toThrow()
    expect(house.logs.join('')).not.toContain('evil')
  })

  it('HTP-11 lets nothing from a request into a header', async () => {
    const { ana } = await withTenant(adapter)

    const reply = await ana.get('/api/agents', { 'x-request-id': 'chosen-by-the-caller' })

    expect(reply.headers.get('x-request-id')).toMatch(/^[0-9a-f]{24}$/)
    expect(JSON.stringify([...reply.headers])).not.toContain('chosen')
  })

  it('HTP-13 LEK-04 takes only the query that it knows', async () => {
    const { ana } = await withTenant(adapter)
    const queries = [
      'limit=1&limit=9999',
      'limit[]=1',
      'limit=1e9',
      'limit=-1',
      'limit=0',
      'limit=101',
      'limit=0x10',
      'limit=NaN',
      'limit=',
      'x=1',
      `token=${CREDENTIALS.githubToken}`,
      'cursor=AAAA',
      'cursor=WyJ4Il0x',
      Array.from({ length: 1000 }, (_, index) => `p${index}=1`).join('&'),
    ]

    for (const query of queries)
      expect([query.slice(0, 20), (await ana.get(`/api/agents?${query}`)).status]).toEqual([query.slice(0, 20), 400])
    expect((await ana.get('/api/agents?limit=100')).status).toBe(200)
  })

  it('HTP-15 names an unknown field by its path and never by its value', async () => {
    const { ana } = await withTenant(adapter)

    const reply = await ana.post('/api/tokens', { name: 'x', extra: 'do-not-echo', [CREDENTIALS.githubToken]: 1 })

    expect(reply.status).toBe(400)
    expect(reply.body.error.issues).toContainEqual({ path: 'extra', rule: 'unknown_field' })
    expect(reply.text).not.toContain('do-not-echo')
    expect(reply.text).not.toContain(CREDENTIALS.githubToken)
  })
})

describe('gateway events', () => {
  it('HTP-21 refuses events that contradict themselves and keeps every cookie of those that do not', async () => {
    const house = await createHarness({ platform: lambdaTestPlatform })
    await house.joinAsAdmin()
    const handler = createHttpHandler(house.app)
    const login = new Request(`${ORIGIN}/api/login`, {
      method: 'POST',
      headers: { origin: ORIGIN, 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'root@example.com', password: PASSWORD }),
    })
    const event = await toGatewayEvent(login)

    const good = await handler(event)
    const torn = await handler({
      ...event,
      requestContext: { ...event.requestContext, http: { ...event.requestContext.http, path: '/api/health' } },
    })
    const headless = await handler({
      ...(await toGatewayEvent(new Request(`${ORIGIN}/api/agents`))),
      headers: null,
    } as unknown as LambdaEvent)
    const nothing = await handler({} as LambdaEvent)
    const encoded = await handler({
      ...event,
      body: Buffer.from(event.body ?? '').toString('base64'),
      isBase64Encoded: true,
    })
    const lied = await handler({
      ...event,
      headers: { ...event.headers, 'content-length': '10' },
      body: JSON.stringify({ email: 'x'.repeat(70_000) }),
    })

    expect(good.statusCode).toBe(200)
    expect(good.cookies).toHaveLength(2)
    expect([torn.statusCode, headless.statusCode, nothing.statusCode]).toEqual([400, 401, 400])
    expect(encoded.statusCode).toBe(200)
    expect(lied.statusCode).toBe(413)
  })

  it('HTP-21 refuses in its own words what no request can be made of, and says nothing of it in the log', async () => {
    const house = await createHarness({ platform: lambdaTestPlatform })
    const handler = createHttpHandler(house.app)
    const said = vi.spyOn(globalThis.console, 'error').mockReturnValue()
    const event = await toGatewayEvent(new Request(`${ORIGIN}/api/health`))
    const withMethod = (method: string) => ({
      ...event,
      requestContext: { ...event.requestContext, http: { ...event.requestContext.http, method } },
    })
    const broken = [
      withMethod('TRACE'),
      withMethod('G T'),
      { ...event, headers: { ...event.headers, authorization: `Bearer ${CREDENTIALS.githubToken}\n` } },
      { ...event, headers: { ...event.headers, 'x y': 'z' } },
      { ...event, headers: { ...event.headers, 'x-wrong': '\ud800' } },
      { ...event, headers: { host: 'not a host' } },
      { ...event, cookies: [`a=${CREDENTIALS.githubToken}\r\n`] },
      { ...event, cookies: ['a=\u{1F600}'] },
      { ...event, body: '%%%', isBase64Encoded: true },
    ]

    for (const one of broken) {
      const answered = await handler(one as unknown as LambdaEvent)
      expect(answered).toMatchObject({ statusCode: 400, headers: { 'cache-control': 'no-store' } })
      expect(JSON.parse(answered.body).error).toMatchObject({
        code: 'malformed',
        requestId: (answered.headers as Record<string, string>)['x-request-id'],
      })
      expect(answered.body).not.toContain(CREDENTIALS.githubToken)
    }
    const older = { path: '/api/health', httpMethod: 'GET', requestContext: { path: '/api/health' } }
    const multi = { host: ['localhost:3000'], accept: ['a', 'b'] }
    expect((await handler({ ...event, body: '{}' })).statusCode).toBe(200)
    expect((await handler({ ...older, multiValueHeaders: multi } as unknown as LambdaEvent)).statusCode).toBe(200)
    expect(said).not.toHaveBeenCalled()
    said.mockRestore()
  })
})
