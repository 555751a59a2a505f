import { DescribeTableCommand } from '@aws-sdk/client-dynamodb'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { describe, expect, it } from 'vitest'
import { findChainBreak } from '../../lambdas/audit/chain.ts'
import { TABLES } from '../../lambdas/contract/tables.ts'
import { createTable } from '../../local/installation.ts'
import { createHarness, CREDENTIALS } from '../support/harness.ts'
import { operatorOf } from '../support/operator.ts'

describe('the operator', () => {
  it('I17 makes the first admin’s invite once; a second use is refused, and audited', async () => {
    const house = await createHarness()
    const operator = operatorOf(house)

    const first = await operator.inviteFirstAdmin('root@example.com')
    house.clock.advanceSeconds(1)
    const second = await operator.inviteFirstAdmin('other@example.com')

    expect([first.ok, second]).toEqual([true, { ok: false, failure: { reason: 'already_bootstrapped' } }])
    const { items } = await house.deps.audit.listAll({ limit: 10 })
    expect(items.map(({ action, actor }) => [action, actor.id])).toEqual([
      ['bootstrap.refused', 'operator'],
      ['invite.issued', 'operator'],
    ])
  })

  it('rotates session keys without ending a session; of two at a time one is refused', async () => {
    const house = await createHarness()
    const admin = await house.joinAsAdmin()
    const operator = operatorOf(house)

    const both = await Promise.all([operator.rotateSessionKeys(), operator.rotateSessionKeys()])
    house.clock.advanceSeconds(301)
    expect(both.filter(({ ok }) => ok)).toHaveLength(1)
    expect((await admin.get('/api/session')).body.account).not.toBeNull()

    await operator.rotateSessionKeys()
    house.clock.advanceSeconds(301)
    expect((await admin.get('/api/session')).body.account).toBeNull()
  })

  it('renews the slot that the edge does not send, and keeps the one that it sends', async () => {
    const house = await createHarness()
    const operator = operatorOf(house)
    const read = async () =>
      JSON.parse(
        (await house.clients.secrets.send(new GetSecretValueCommand({ SecretId: house.names.sessionKeysSecret })))
          .SecretString ?? '',
      )
    const before = await read()

    expect(await operator.renewOriginProof('a')).toBe('b')

    const after = await read()
    expect({ ...after, b: undefined }).toEqual({ ...before, b: undefined })
    expect(after.b).toMatch(/^[\w-]{64}$/)
  })

  it('uploads pages last, unchanging files for a year and pages for no time at all', async () => {
    const puts: any[] = []
    const house = await createHarness({
      hook: async (call, proceed) => {
        if (call.operation === 'PutObject') puts.push(call.input)
        return proceed()
      },
    })
    const file = (name: string) => ({ name, type: 'text/plain', body: Buffer.from(name) })

    await operatorOf(house).publishSite([file('index.html'), file('assets/main-1.js'), file('favicon.svg')])

    expect(puts.map(({ Key, CacheControl }) => [Key, CacheControl])).toEqual([
      ['assets/main-1.js', 'public, max-age=31536000, immutable'],
      ['favicon.svg', 'no-cache'],
      ['index.html', 'no-cache'],
    ])
  })

  it('O6 gets lost rows back from a restored table, leaves the others alone, and the trail is whole again', async () => {
    const house = await createHarness()
    const ana = await house.join(await house.joinAsAdmin(), 'ana@example.com')
    await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    await house.settle()
    const { database } = house.aws
    const operator = operatorOf(house)
    const tables = { 'restored-agents': 'vestibule-agents', 'restored-audit': 'vestibule-audit' } as const
    for (const [restored, own] of Object.entries(tables)) {
      await createTable(house.clients.dynamo, restored, own === 'vestibule-audit' ? TABLES.audit : TABLES.agents)
      await house.clients.dynamo.send(new DescribeTableCommand({ TableName: restored }))
      database.run(
        'INSERT INTO ddb_item (tbl, pk, sk, item) SELECT ?, pk, sk, item FROM ddb_item WHERE tbl = ?',
        restored,
        own,
      )
    }
    const tenantId = (await ana.get('/api/session')).body.tenant.id
    await ana.post('/api/agents', { name: 'B', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    database.run("DELETE FROM ddb_item WHERE tbl = 'vestibule-agents' AND sk LIKE 'AGENT#%' AND item LIKE '%\"A\"%'")
    database.run("DELETE FROM ddb_item WHERE tbl = 'vestibule-audit' AND pk = ? AND sk LIKE '%3'", tenantId)
    const names = async () => (await ana.get('/api/agents')).body.agents.map(({ name }: { name: string }) => name)
    expect(await names()).toEqual(['B'])

    const agents = await operator.restoreRows('restored-agents', 'vestibule-agents')
    const audit = await operator.restoreRows('restored-audit', 'vestibule-audit')
    const again = await operator.restoreRows('restored-agents', 'vestibule-agents')

    expect([await names(), agents.restored > 0, audit.restored > 0, again.restored]).toEqual([
      ['B', 'A'],
      true,
      true,
      0,
    ])
    const { items } = await house.deps.audit.list(tenantId, { limit: 100 })
    expect(findChainBreak(tenantId, items.toReversed(), (await house.deps.audit.readHead(tenantId)) ?? null)).toBeNull()
  })

  it('O6 leaves the name of a deleted agent free', async () => {
    const house = await createHarness()
    const ana = await house.join(await house.joinAsAdmin(), 'ana@example.com')
    const body = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }
    const { id } = (await ana.post('/api/agents', body)).body.agent
    await house.settle()
    await createTable(house.clients.dynamo, 'restored-agents', TABLES.agents)
    house.aws.database.run(
      "INSERT INTO ddb_item (tbl, pk, sk, item) SELECT 'restored-agents', pk, sk, item FROM ddb_item WHERE tbl = 'vestibule-agents'",
    )
    await ana.del(`/api/agents/${id}`)
    await house.settle()
    expect((await ana.get('/api/agents')).body.agents).toEqual([])

    await operatorOf(house).restoreRows('restored-agents', 'vestibule-agents')

    expect((await ana.post('/api/agents', body)).status).toBe(202)
  })
})
