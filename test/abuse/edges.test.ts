import { readdirSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { DeleteSecretCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { type Operation, operations } from '../../lambdas/contract/operations.ts'
import { encodeCursor, readCursor } from '../../lambdas/contract/paging.ts'
import { ADAPTERS, createHarness, CREDENTIALS, type Harness, PASSWORD } from '../support/harness.ts'

const BODY = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }
const COOKIE = 'vestibule-local'

const withTenant = async (options: Parameters<typeof createHarness>[0] = {}) => {
  const house = await createHarness(options)
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, 'ana@example.com')
  return { house, admin, ana }
}

/** So many rows like one that is there: its own id is replaced everywhere, in the row and in the indexes. */
const multiply = ({ aws: { database } }: Harness, id: string, count: number): void => {
  const [row = {}] = database.all(
    'SELECT tbl, pk, sk, item FROM ddb_item WHERE pk LIKE ? OR sk LIKE ?',
    `%${id}`,
    `%${id}`,
  )
  const indexed = database.all('SELECT * FROM ddb_index WHERE pk = ? AND sk = ?', String(row.pk), String(row.sk))
  const insert = (table: string, of: Record<string, unknown>, copy: string): void => {
    const values = Object.values(of).map((value) => String(value).replaceAll(id, copy))
    const places = values.map(() => '?').join(', ')
    database.run(`INSERT INTO ${table} (${Object.keys(of).join(', ')}) VALUES (${places})`, ...values)
  }
  database.transaction(() => {
    for (let number = 0; number < count; number += 1) {
      const copy = id.slice(0, 4) + String(number).padStart(26, '0')
      insert('ddb_item', row, copy)
      for (const entry of indexed) insert('ddb_index', entry, copy)
    }
  })
}

describe.each(ADAPTERS)('what a client may meet, over %s', (adapter) => {
  it('SSH-08 allows support where nothing is said, shows and records it, and takes nothing but true and false', async () => {
    const { ana } = await withTenant({ adapter })

    const made = await ana.post('/api/agents', BODY)
    const closed = await ana.post('/api/agents', { ...BODY, name: 'B', supportAccess: false })

    expect([made.body.agent.supportAccess, closed.body.agent.supportAccess]).toEqual([true, false])
    const requested = (await ana.get('/api/audit')).body.events.filter(
      ({ action }: { action: string }) => action === 'agent.onboarded',
    )
    expect(requested.map(({ detail }: { detail: { supportAccess: boolean } }) => detail.supportAccess)).toEqual([
      false,
      true,
    ])
    for (const wrong of [null, '', 'no', 'true', 0, 1, [], {}]) {
      const refused = await ana.post('/api/agents', { ...BODY, name: 'C', supportAccess: wrong })
      const switched = await ana.put(`/api/agents/${made.body.agent.id}/support-access`, { enabled: wrong })
      expect([wrong, refused.status, switched.status]).toEqual([wrong, 400, 400])
    }
    expect((await ana.put(`/api/agents/${made.body.agent.id}/support-access`, {})).status).toBe(400)
    expect((await ana.get('/api/agents')).body.agents).toHaveLength(2)
  })

  it('SRF-01 has no field for an address, and reaches out to nobody whatever is put into the others', async () => {
    const { house, admin, ana } = await withTenant({ adapter })
    const connect = vi.spyOn(Socket.prototype, 'connect')
    const literals = [
      'http://169.254.169.254/latest/meta-data/',
      'http://[::ffff:a9fe:a9fe]/',
      '127.1',
      '2130706433',
      'http://0x7f.1/',
      'http://[fd00:ec2::254]/',
      'localhost.',
    ]
    const named: string[] = []

    for (const [name, { body, query }] of Object.entries(operations as Record<string, Operation>)) {
      const [method = '', path = ''] = name.split(' ')
      if (path === '/api/logout') continue
      const fieldsOf = (schema: { properties?: object }): string[] =>
        Object.entries(schema.properties ?? {}).flatMap(([field, inner]) => [field, ...fieldsOf(inner)])
      const schemas = [query, ...(body === null ? [] : [body])]
      const fields = schemas.flatMap((one) => fieldsOf(z.toJSONSchema(one, { unrepresentable: 'any', io: 'input' })))
      named.push(...fields)
      for (const [index, literal] of literals.entries()) {
        const sent = Object.fromEntries([...fields, 'url'].map((field) => [field, literal]))
        const browser = [house.browse({ address: `198.51.100.${index}` }), admin, ana][index % 3]
        const target = `${path.replace('{id}', encodeURIComponent(literal))}?next=${encodeURIComponent(literal)}`
        const reply = await browser?.send(method, target, method === 'GET' ? {} : { body: sent })
        expect([name, literal, reply?.status]).toEqual([
          name,
          literal,
          expect.toSatisfy((status) => status >= 400 && status < 500),
        ])
      }
    }

    expect(named.filter((field) => /ur[il]|host|endpoint|hook|callback|domain|link|server|proxy/i.test(field))).toEqual(
      [],
    )
    expect(connect).not.toHaveBeenCalled()
    connect.mockRestore()
  })

  it('CLK-06 serves nobody with a signing key that is missing, empty, short, weak or not one', async () => {
    const { house, ana } = await withTenant({ adapter })
    const { sessionKeysSecret: SecretId } = house.names
    const [kept] = [await house.deps.sessionKeys()]
    const good = { kid: kept.current.kid, key: kept.current.key.export().toString('base64') }
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    const bad = [
      ' ',
      'null',
      'not json',
      '{}',
      JSON.stringify({ kid: good.kid, key: '' }),
      JSON.stringify({ kid: good.kid, key: base64('8 bytes!') }),
      JSON.stringify({ kid: good.kid, key: Buffer.alloc(32).toString('base64') }),
      JSON.stringify({ kid: good.kid, key: base64('changeme'.repeat(4)) }),
      JSON.stringify({ kid: '', key: good.key }),
      JSON.stringify({ key: good.key }),
    ]
    const tryAll = async () => [
      (await ana.get('/api/agents')).status,
      (await house.browse().post('/api/login', { email: 'ana@example.com', password: PASSWORD })).status,
    ]

    for (const SecretString of bad) {
      await house.clients.secrets.send(new PutSecretValueCommand({ SecretId, SecretString }))
      house.clock.advanceSeconds(301)
      expect([SecretString, ...(await tryAll())]).toEqual([SecretString, 503, 503])
    }
    await house.clients.secrets.send(new PutSecretValueCommand({ SecretId, SecretString: JSON.stringify(good) }))
    expect(await tryAll()).toEqual([200, 200])
    await house.clients.secrets.send(new DeleteSecretCommand({ SecretId }))
    house.clock.advanceSeconds(301)
    expect(await tryAll()).toEqual([503, 503])
    expect(house.logs.join('')).not.toContain(good.key)
  })

  it('CLK-09 reads what a newer release wrote, or refuses it cleanly', async () => {
    const { house, admin, ana } = await withTenant({ adapter })
    const { id } = (await ana.post('/api/agents', BODY)).body.agent
    await ana.post('/api/agents', { ...BODY, name: 'B' })
    await house.settle()
    const page = (await ana.get('/api/agents?limit=1')).body
    await house.invite(admin, { email: 'new@example.com' })
    house.aws.database.run(
      "UPDATE ddb_item SET item = json_set(item, '$.ofTomorrow', json('{\"S\":\"x\"}')) WHERE tbl <> 'vestibule-audit'",
    )
    const cookie = ana.cookies.get(COOKIE) ?? ''
    const newer = { ...BODY, version: 2 }
    const [row] = house.aws.database.all("SELECT key, body FROM s3_object WHERE key LIKE 'requests/launch/%'")
    const request = JSON.parse(Buffer.from(row?.body as Uint8Array).toString())
    const job = {
      Bucket: house.names.requestsBucket,
      Key: String(row?.key),
      Body: JSON.stringify({ ...request, version: 2 }),
    }

    for (const [browser, path] of [
      [ana, '/api/session'],
      [ana, '/api/sessions'],
      [ana, '/api/agents'],
      [ana, `/api/agents/${id}`],
      [ana, `/api/agents?limit=1&cursor=${page.nextCursor}`],
      [admin, '/api/admin/invites'],
      [admin, '/api/admin/tenants'],
      [admin, '/api/admin/accounts'],
    ] as const)
      expect([path, (await browser.get(path)).status]).toEqual([path, 200])
    expect((await ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken })).status).toBe(
      200,
    )
    expect((await house.browse().post('/api/login', { email: 'ana@example.com', password: PASSWORD })).status).toBe(200)
    const longer = encodeCursor([...readCursor(page.nextCursor), 'more'])
    expect((await ana.get(`/api/agents?cursor=${longer}`)).status).toBe(400)
    expect((await ana.post('/api/agents', newer)).status).toBe(400)
    for (const unknown of [cookie.replace(/^[^.]+/, 'k9'), `v2.${cookie}`, `${cookie}.more`])
      expect((await house.browse().get('/api/agents', { cookie: `${COOKIE}=${unknown}` })).status).toBe(401)
    await house.clients.s3.send(new PutObjectCommand(job))
    await house.settle(3)
    const others = house.aws.database.all('SELECT DISTINCT queue FROM sqs_message')
    expect(others.map(({ queue }) => String(queue)).every((queue) => queue.endsWith('dead'))).toBe(true)
    await house.clients.sqs.send(
      new SendMessageCommand({
        QueueUrl: house.deadLetterUrl.replace('-dead', ''),
        MessageBody: '{"detail-type":"Of tomorrow"}',
      }),
    )
    await house.settle(3)
    expect(house.logs.filter((line) => line.includes('will be tried again'))).toEqual([])
    expect((await ana.get(`/api/agents/${id}`)).body.agent.status).toBe('ready')
  })

  it('AVL-04 answers a tenant of 10,000 agents, and an admin of 10,000 invites, page by page and without a scan', async () => {
    const operationsSeen = new Set<string>()
    const { house, admin, ana } = await withTenant({
      adapter,
      hook: (call, proceed) => {
        operationsSeen.add(call.operation)
        return proceed()
      },
    })
    const { id } = (await ana.post('/api/agents', BODY)).body.agent
    multiply(house, id, 10_000)
    multiply(house, (await house.invite(admin, { email: 'new@example.com' })).id, 10_000)
    operationsSeen.clear()
    const measure = async (path: string, from: typeof ana) => {
      const startedAt = performance.now()
      const reply = await from.get(path)
      expect(performance.now() - startedAt).toBeLessThan(5_000)
      expect(reply.text.length).toBeLessThan(1_000_000)
      return reply.body
    }

    const agents = await measure('/api/agents?limit=100', ana)
    const next = await measure(`/api/agents?limit=100&cursor=${agents.nextCursor}`, ana)
    const invites = await measure('/api/admin/invites?limit=100&state=pending', admin)
    const later = await measure(`/api/admin/invites?limit=100&state=pending&cursor=${invites.nextCursor}`, admin)

    for (const page of [agents.agents, next.agents, invites.invites, later.invites]) expect(page).toHaveLength(100)
    const ids = [...agents.agents, ...next.agents, ...invites.invites, ...later.invites].map((one) => one.id)
    expect(new Set(ids).size).toBe(400)
    expect([...operationsSeen].filter((operation) => operation === 'Scan')).toEqual([])
  })
})

describe('connections to the outside', () => {
  const ROOT = join(import.meta.dirname, '../..')
  const sources = (folder: string) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => ({ path: `${folder}/${path}`, text: readFileSync(join(ROOT, folder, path), 'utf8') }))

  it('SRF-03 are made by the AWS SDK, to the issuer of proofs, to our own site and to Slack, and by nothing else', () => {
    const opens =
      /\bfetch\(|from 'node:(?:https?|http2|tls|dgram|dns)'|createRemoteJWKSet\(|new WebSocket\(|(?:create)?[cC]onnect(?:ion)?\(\s*\d/
    const found = ['lambdas', 'agent'].flatMap((folder) =>
      sources(folder)
        .filter(({ text }) => opens.test(text))
        .map(({ path }) => path),
    )
    expect(found.toSorted()).toEqual(['agent/supervisor/control-plane.ts', 'lambdas/provisioning/issuer-keys.aws.ts'])

    const hosts = ['lambdas', 'agent']
      .flatMap(sources)
      .flatMap(({ text }) =>
        [...text.replaceAll(/\/\*\*[^]*?\*\//g, '').matchAll(/https?:\/\/([\w.-]+\.[\w-]+)/g)].map(([, host]) => host),
      )
    expect([...new Set(hosts)].toSorted()).toEqual([
      '169.254.169.254',
      'github.com.helper',
      'slack.com',
      'sts.amazonaws.com',
    ])
  })
})
