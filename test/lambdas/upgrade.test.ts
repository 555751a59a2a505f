import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { RotateKeyOnDemandCommand, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { describe, expect, it } from 'vitest'
import { TenantId } from '../../lambdas/contract/ids.ts'
import { agentSecretName } from '../../lambdas/contract/names.ts'
import { createEmbeddedAws } from '../../local/aws/embedded-aws.ts'
import { createTestClock, START } from '../support/clock.ts'
import { createHarness, CREDENTIALS, PASSWORD } from '../support/harness.ts'
import { operatorOf } from '../support/operator.ts'

const FIXTURE = join(import.meta.dirname, '../fixtures/data-0.1')

/** What version 0.1 left on one machine: an admin, a tenant, an agent that is ready, a pending invite. */
const openOldData = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vestibule-upgrade-'))
  copyFileSync(join(FIXTURE, 'kms-root.key'), join(directory, 'kms-root.key'))
  writeFileSync(join(directory, 'aws.sqlite'), gunzipSync(readFileSync(join(FIXTURE, 'aws.sqlite.gz'))))
  const clock = createTestClock(new Date(START.getTime() + 3_600_000))
  const aws = await createEmbeddedAws({ directory, clock })
  return createHarness({ aws, clock })
}

describe('data of version 0.1', () => {
  it('O5 is read and gone on with: accounts, agents, credentials, invites, the trail', async () => {
    const house = await openOldData()
    const ana = house.browse()
    const admin = house.browse()

    expect((await ana.post('/api/login', { email: 'ana@example.com', password: PASSWORD })).status).toBe(200)
    expect((await admin.post('/api/login', { email: 'root@example.com', password: PASSWORD })).status).toBe(200)
    const [agent] = (await ana.get('/api/agents')).body.agents
    expect([agent.name, agent.status]).toEqual(['A', 'ready'])
    const patched = await ana.patch(`/api/agents/${agent.id}/credentials`, { githubToken: CREDENTIALS.githubToken })
    expect([patched.status, patched.body.agent?.credentials.githubToken.provided]).toEqual([200, true])
    const pending = (await admin.get('/api/admin/invites?state=pending')).body.invites
    expect(pending.map(({ email, mail }: { email: string; mail?: object }) => [email, mail])).toEqual([
      ['bob@example.com', undefined],
    ])
    expect((await admin.post(`/api/admin/invites/${pending[0].id}/resend`)).status).toBe(200)
    expect((await ana.get('/api/audit')).body.events.length).toBeGreaterThan(4)
  })

  it('O5 gets the index that support’s list needs, and the next agent launches in the new way', async () => {
    const house = await openOldData()
    const ana = house.browse()
    await ana.post('/api/login', { email: 'ana@example.com', password: PASSWORD })
    const admin = house.browse()
    await admin.post('/api/login', { email: 'root@example.com', password: PASSWORD })
    const help = await house.join(admin, 'help@example.com', { role: 'support' })

    await ana.post('/api/agents', { name: 'B', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    await house.settle()

    const statuses = (await ana.get('/api/agents')).body.agents.map(
      ({ name, status }: { name: string; status: string }) => [name, status],
    )
    expect(statuses).toEqual([
      ['B', 'ready'],
      ['A', 'ready'],
    ])
    expect((await help.get('/api/support/agents')).body.agents.map(({ name }: { name: string }) => name)).toContain('B')
  })

  it('O5 CLK-07 opens under new material of its key, and under a new key', async () => {
    const house = await openOldData()
    const ana = house.browse()
    await ana.post('/api/login', { email: 'ana@example.com', password: PASSWORD })
    const tenantId = TenantId.parse((await ana.get('/api/session')).body.tenant.id)
    const [agent] = (await ana.get('/api/agents')).body.agents
    const SecretId = agentSecretName('local', tenantId, agent.id)
    const read = async (VersionStage = 'AWSCURRENT') => {
      const got = await house.clients.secrets.send(new GetSecretValueCommand({ SecretId, VersionStage }))
      return JSON.parse(got.SecretString ?? '').credentials
    }
    const before = await read()
    const { keyArn } = (await house.deps.tenants.read(tenantId)) ?? {}

    await house.clients.kms.send(new RotateKeyOnDemandCommand({ KeyId: keyArn }))
    expect(await read()).toEqual(before)
    const replaced = await operatorOf(house).replaceTenantKey(tenantId)

    expect(replaced).toMatchObject({ ok: true, value: { did: 'replaced', formerKeyArn: keyArn, movedSecrets: 1 } })
    expect(await read()).toEqual(before)
    const { githubToken } = CREDENTIALS
    expect((await ana.patch(`/api/agents/${agent.id}/credentials`, { githubToken })).status).toBe(200)
    expect(await read()).toEqual({ ...before, githubToken })
    const { keyArn: next } = (await house.deps.tenants.read(tenantId)) ?? {}
    await house.clients.kms.send(new ScheduleKeyDeletionCommand({ KeyId: next }))
    expect(await read('AWSPREVIOUS')).toEqual(before)
  })
})
