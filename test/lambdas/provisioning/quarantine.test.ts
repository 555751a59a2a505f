import { DescribeSecretCommand } from '@aws-sdk/client-secrets-manager'
import { describe, expect, it } from 'vitest'
import { agentSecretName } from '../../../lambdas/contract/names.ts'
import { TAGS } from '../../../lambdas/contract/tags.ts'
import { RUNTIME_HASH } from '../../../local/stand-in-instance.ts'
import { createHarness, CREDENTIALS } from '../../support/harness.ts'
import { beatAs, listMachines, liveMachines } from '../../support/machine.ts'

const ALTERED = { runtimeHash: 'f'.repeat(64) }

const withMachine = async (options: Parameters<typeof createHarness>[0] = {}) => {
  const house = await createHarness(options)
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, 'ana@example.com')
  await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
  await house.settle()
  const { id } = (await ana.get('/api/agents')).body.agents[0]
  const tenantId = (await ana.get('/api/session')).body.tenant.id
  const [machine] = liveMachines(house)
  const machineId = machine?.id ?? ''
  const read = async () => (await ana.get(`/api/agents/${id}`)).body.agent
  const boundTo = async () => {
    const { Tags = [] } = await house.clients.secrets.send(
      new DescribeSecretCommand({ SecretId: agentSecretName('local', tenantId, id) }),
    )
    expect(Tags.map(({ Key }) => Key)).toEqual(expect.arrayContaining([TAGS.stage, TAGS.tenant, TAGS.agent]))
    return Tags.find(({ Key }) => Key === TAGS.instanceArn)?.Value
  }
  const workOff = async () => {
    while ((await house.work()) > 0);
  }
  /** The machine of before has to be gone first, and then it is the reconciler that goes on. */
  const settleRetry = async () => {
    await house.settle(10)
    await house.reconcile()
    await house.settle()
  }
  const eventsOf = async (action: string) =>
    (await ana.get('/api/audit')).body.events.filter((event: { action: string }) => event.action === action)
  /** Changes the row behind everybody's back. */
  const meddle = (change: string) =>
    house.aws.database.run(`UPDATE ddb_item SET item = ${change} WHERE sk = ?`, `AGENT#${id}`)
  return {
    house,
    admin,
    ana,
    id: id as string,
    tenantId,
    machineId,
    read,
    boundTo,
    workOff,
    settleRetry,
    eventsOf,
    meddle,
  }
}

describe('a machine that does not run what it was given', () => {
  it('P18 ends its agent at once, may not go on, and is cut off from everything', async () => {
    const { house, ana, id, machineId, read, boundTo, workOff, eventsOf } = await withMachine()
    expect([liveMachines(house)[0]?.groups, (await boundTo())?.endsWith(machineId)]).toEqual([
      ['sg-agent', 'sg-support'],
      true,
    ])

    const reply = await beatAs(house, machineId, ALTERED)

    expect([reply.status, reply.body.continue, reply.body.support]).toEqual([
      200,
      false,
      { allowed: false, trustedCas: [] },
    ])
    expect(await read()).toMatchObject({ status: 'failed', reason: { code: 'quarantined' } })
    expect((await read()).isolatedAt).toBeUndefined()
    await workOff()
    expect(liveMachines(house)).toEqual([{ id: machineId, state: 'running', groups: ['sg-quarantine'] }])
    expect(await boundTo()).toBeUndefined()
    expect((await read()).isolatedAt).toBe(house.clock.now().toISOString())
    expect(await eventsOf('agent.quarantined')).toMatchObject([
      {
        actor: { kind: 'system' },
        target: id,
        detail: { instanceId: machineId, release: RUNTIME_HASH, runtimeHash: ALTERED.runtimeHash },
      },
    ])
    expect(house.logs.filter((line) => line.includes('"machine quarantined"'))).toHaveLength(1)
    expect((await ana.get('/api/agents')).body.agents[0].reason.code).toBe('quarantined')
  })

  it('P18 is told to admins in the trail of all tenants', async () => {
    const { house, admin, machineId, tenantId } = await withMachine()
    await beatAs(house, machineId, ALTERED)

    const { events } = (await admin.get('/api/admin/audit')).body
    expect(events[0]).toMatchObject({ action: 'agent.quarantined', tenantId })
  })

  it('P18 is cut off by the reconciler where the request for it is lost, and once only', async () => {
    const { house, machineId, read, boundTo } = await withMachine()
    await beatAs(house, machineId, ALTERED)
    house.aws.database.run('DELETE FROM sqs_message')
    house.clock.advanceSeconds(60)

    expect(await house.reconcile()).toEqual({ looked: 1, failed: 0 })

    expect([liveMachines(house)[0]?.groups, await boundTo()]).toEqual([['sg-quarantine'], undefined])
    expect((await read()).isolatedAt).toBe(house.clock.now().toISOString())
    house.clock.advanceSeconds(3600)
    expect((await house.reconcile()).looked).toBe(0)
    expect(liveMachines(house)).toHaveLength(1)
  })

  it('P18 says it as often as it likes: one event, and never an answer that lets it go on', async () => {
    const { house, machineId, workOff, eventsOf, read } = await withMachine()
    const replies = await Promise.all([beatAs(house, machineId, ALTERED), beatAs(house, machineId, ALTERED)])
    await workOff()
    house.clock.advanceSeconds(30)
    const repented = await beatAs(house, machineId)

    expect([...replies, repented].map(({ status, body }) => [status, body.continue, body.support.allowed])).toEqual([
      [200, false, false],
      [200, false, false],
      [200, false, false],
    ])
    expect(await eventsOf('agent.quarantined')).toHaveLength(1)
    expect(await eventsOf('agent.enroll_refused')).toEqual([])
    expect(await read()).toMatchObject({ status: 'failed', lastSeenAt: house.clock.now().toISOString() })
    await house.reconcile()
    expect(liveMachines(house)[0]?.groups).toEqual(['sg-quarantine'])
  })

  it('P18 stays until its tenant tries again: a fresh machine that reads its secret', async () => {
    const { house, ana, id, machineId, workOff, settleRetry, boundTo, read } = await withMachine()
    await beatAs(house, machineId, ALTERED)
    await workOff()

    expect((await ana.post(`/api/agents/${id}/retry`)).status).toBe(202)
    await settleRetry()

    const [fresh, ...others] = liveMachines(house)
    expect([others, fresh?.id === machineId, fresh?.groups]).toEqual([[], false, ['sg-agent', 'sg-support']])
    expect(await boundTo()).toMatch(new RegExp(`${fresh?.id}$`))
    expect(await read()).toMatchObject({ status: 'ready', instance: { id: fresh?.id } })
    expect([(await read()).reason, (await read()).isolatedAt]).toEqual([undefined, undefined])
  })

  it('P18 does not end the next try by what the old machine still says', async () => {
    const { house, ana, id, machineId, settleRetry, read } = await withMachine()
    await beatAs(house, machineId, ALTERED)
    await ana.post(`/api/agents/${id}/retry`)

    const reply = await beatAs(house, machineId, ALTERED)

    expect([reply.status, reply.body.continue]).toEqual([200, false])
    expect((await read()).status).toBe('requested')
    await settleRetry()
    expect((await read()).status).toBe('ready')
    expect((await beatAs(house, machineId, ALTERED)).status).toBe(403)
    expect((await read()).status).toBe('ready')
  })

  it('P18 goes when its agent is deleted', async () => {
    const { house, ana, id, machineId, workOff, read } = await withMachine()
    await beatAs(house, machineId, ALTERED)
    await workOff()
    await ana.del(`/api/agents/${id}`)
    await house.settle()

    expect((await read()).status).toBe('deleted')
    expect(listMachines(house).map(({ state }) => state)).toEqual(['terminated'])
  })

  it('P18 lets its tenant close support, and opens nothing when they allow it', async () => {
    const { house, ana, id, machineId, workOff, read } = await withMachine()
    await beatAs(house, machineId, ALTERED)
    const off = ana.put(`/api/agents/${id}/support-access`, { enabled: false })
    await expect.poll(async () => (await house.work()) > 0).toBe(true)
    await workOff()
    expect((await off).status).toBe(200)
    expect((await ana.put(`/api/agents/${id}/support-access`, { enabled: true })).status).toBe(200)
    await workOff()
    house.clock.advanceSeconds(60)
    await house.reconcile()

    expect(liveMachines(house)[0]?.groups).toEqual(['sg-quarantine'])
    expect((await read()).supportAccess).toBe(true)
    expect((await beatAs(house, machineId)).body.support).toEqual({ allowed: false, trustedCas: [] })
  })

  it.each([true, false])('P18 stays cut off though a change of support access to %s lands late', async (enabled) => {
    let release: (() => void) | null = null
    let isDelaying = false
    const { house, ana, id, machineId } = await withMachine({
      hook: async (call, proceed) => {
        if (isDelaying && call.operation === 'ModifyInstanceAttribute') {
          isDelaying = false
          await new Promise<void>((resolve) => {
            release = resolve
          })
        }
        return proceed()
      },
    })
    if (enabled) {
      const off = ana.put(`/api/agents/${id}/support-access`, { enabled: false })
      await expect.poll(async () => (await house.work()) > 0).toBe(true)
      expect((await off).status).toBe(200)
    }
    isDelaying = true
    const changed = ana.put(`/api/agents/${id}/support-access`, { enabled })
    await new Promise((resolve) => setTimeout(resolve, 20))
    const late = house.work()
    await expect.poll(() => release).not.toBeNull()
    await beatAs(house, machineId, ALTERED)
    await expect.poll(async () => (await house.work()) > 0).toBe(true)
    expect(liveMachines(house)[0]?.groups).toEqual(['sg-quarantine'])
    release!()
    await late

    expect(liveMachines(house)[0]?.groups).toEqual(['sg-quarantine'])
    expect((await changed).status).toBe(200)
  })

  it('P18 is not compared where an older version launched it, and its next try is', async () => {
    const { house, ana, id, machineId, read, meddle } = await withMachine()
    meddle("json_remove(item, '$.release')")

    expect((await beatAs(house, machineId, ALTERED)).body.continue).toBe(true)
    expect((await read()).status).toBe('ready')
    house.aws.database.run("UPDATE ec2_instance SET state = 'terminated'")
    house.clock.advanceSeconds(300)
    await house.reconcile()
    await ana.post(`/api/agents/${id}/retry`)
    await house.settle()
    expect((await read()).status).toBe('ready')
    const [fresh] = liveMachines(house)
    expect((await beatAs(house, fresh?.id ?? '', ALTERED)).body.continue).toBe(false)
  })

  it('P18 never gets ready on an altered release', async () => {
    const { house, machineId, read, meddle } = await withMachine()
    meddle("json_set(item, '$.status.S', 'booting')")

    const reply = await beatAs(house, machineId, { ...ALTERED, bootStep: 'ready' })

    expect(reply.body.continue).toBe(false)
    expect(await read()).toMatchObject({ status: 'failed', reason: { code: 'quarantined' } })
  })
})
