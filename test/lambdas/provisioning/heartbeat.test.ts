import { CreateKeyCommand, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms'
import { describe, expect, it } from 'vitest'
import { createTrustedCas } from '../../../lambdas/support/support-ca.aws.ts'
import { readPublicKey } from '../../../lambdas/support/ssh-wire.ts'
import { AwsFault } from '../../../local/aws/service.ts'
import { createHarness, CREDENTIALS } from '../../support/harness.ts'
import { beatAs, liveMachines } from '../../support/machine.ts'

const withMachine = async (more: Record<string, unknown> = {}, options: Parameters<typeof createHarness>[0] = {}) => {
  const house = await createHarness(options)
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, 'ana@example.com')
  await ana.post('/api/agents', {
    name: 'A',
    credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken },
    ...more,
  })
  await house.settle()
  const { id } = (await ana.get('/api/agents')).body.agents[0]
  const [machine] = liveMachines(house)
  const read = async () => (await ana.get(`/api/agents/${id}`)).body.agent
  return { house, admin, ana, id: id as string, machineId: machine?.id ?? '', read }
}

describe('what a machine is answered', () => {
  it('names the version of its credentials, and another once they were changed', async () => {
    const { house, ana, id, machineId } = await withMachine()

    const before = (await beatAs(house, machineId)).body.credentialsVersion
    await ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken })
    const after = (await beatAs(house, machineId)).body.credentialsVersion

    expect(before).toMatch(/^[0-9a-f]{64}$/)
    expect(after).toMatch(/^[0-9a-f]{64}$/)
    expect(after).not.toBe(before)
  })

  it('H2 says whom to trust for support while its tenant allows it, and nobody otherwise', async () => {
    const { house, ana, id, machineId } = await withMachine()

    const on = await beatAs(house, machineId)
    const off = ana.put(`/api/agents/${id}/support-access`, { enabled: false })
    await expect.poll(async () => (await house.work()) > 0).toBe(true)
    expect((await off).status).toBe(200)

    expect([on.status, on.body.continue, on.body.support.allowed]).toEqual([200, true, true])
    const [line = '', ...others] = on.body.support.trustedCas
    expect(line).toMatch(/^ecdsa-sha2-nistp256 [A-Za-z0-9+/=]+ vestibule-support-1$/)
    expect(others).toEqual([])
    const key = readPublicKey(line)
    expect(key.ok && key.value.fields.subarray(-65)).toEqual(await house.deps.ca.publicPoint())
    expect((await beatAs(house, machineId)).body.support).toEqual({ allowed: false, trustedCas: [] })
  })

  it('H2 lets nobody in for support where it may not go on', async () => {
    const { house, admin, ana, id, machineId } = await withMachine()
    await ana.post(`/api/agents/${id}/stop`)

    expect((await beatAs(house, machineId)).body).toMatchObject({
      continue: false,
      support: { allowed: false, trustedCas: [] },
    })
    const other = await withMachine()
    const tenantId = (await other.ana.get('/api/session')).body.tenant.id
    expect((await other.admin.post(`/api/admin/tenants/${tenantId}/suspend`)).status).toBe(200)
    expect((await beatAs(other.house, other.machineId)).body).toMatchObject({
      continue: false,
      support: { allowed: false, trustedCas: [] },
    })
    expect((await admin.get('/api/admin/tenants')).status).toBe(200)
  })

  it('H15 trusts both keys while one is being retired, and reads each once', async () => {
    const read: string[] = []
    const { aws } = await createHarness()
    const { kms } = aws.createClients((call, proceed) => {
      read.push(call.operation)
      return proceed()
    })
    const make = async () =>
      (await kms.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }))).KeyMetadata?.Arn ??
      ''
    const keyIds = [await make(), await make()]
    const trustedCas = createTrustedCas({ kms, keyIds })
    read.length = 0

    const lines = await trustedCas()
    await trustedCas()

    expect(lines.map((line) => line.split(' ')[2])).toEqual(['vestibule-support-1', 'vestibule-support-2'])
    expect(new Set(lines.map((line) => line.split(' ')[1])).size).toBe(2)
    expect(read).toEqual(['GetPublicKey', 'GetPublicKey'])
  })

  it('H15 trusts no key that was ended, and answers all the same', async () => {
    const { aws } = await createHarness()
    const { kms } = aws.createClients()
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }))
    const keyId = KeyMetadata?.Arn ?? ''
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId: keyId }))

    expect(await createTrustedCas({ kms, keyIds: [keyId] })()).toEqual([])
    const broken = aws.createClients(async () => {
      throw new AwsFault('AccessDeniedException', 'no')
    })
    await expect(createTrustedCas({ kms: broken.kms, keyIds: [keyId] })()).rejects.toThrow('kms denied')
  })
})

describe('what an agent has to do without', () => {
  it('is shown as its machine tells it, written once, and gone when it says so', async () => {
    const writes: string[] = []
    const { house, machineId, read } = await withMachine(
      {},
      {
        hook: (call, proceed) => {
          writes.push(call.operation)
          return proceed()
        },
      },
    )
    const countWrites = async (more: Record<string, unknown>) => {
      writes.length = 0
      expect((await beatAs(house, machineId, more)).status).toBe(200)
      return writes.filter((name) => name === 'PutItem').length
    }
    expect((await read()).notices).toBeUndefined()

    expect(await countWrites({ notices: ['slack_refused', 'gh_missing', 'slack_refused'] })).toBe(1)
    expect((await read()).notices).toEqual(['gh_missing', 'slack_refused'])
    expect(await countWrites({ notices: ['gh_missing', 'slack_refused'] })).toBe(0)
    expect(await countWrites({})).toBe(0)
    expect((await read()).notices).toEqual(['gh_missing', 'slack_refused'])
    expect(await countWrites({ notices: [] })).toBe(1)
    expect((await read()).notices).toBeUndefined()
    expect((await beatAs(house, machineId, { notices: ['something else'] })).status).toBe(400)
  })

  it('is told with the word that makes it ready, and not of the machine before', async () => {
    const { house, ana, id, machineId, read } = await withMachine()
    house.aws.machines.rememberGuest(machineId, '')
    await ana.post(`/api/agents/${id}/stop`)
    await house.work()
    house.clock.advanceSeconds(5)
    house.aws.machines.advance()
    while ((await house.work()) > 0);
    expect((await ana.post(`/api/agents/${id}/start`)).status).toBe(202)
    for (let turn = 0; turn < 5; turn += 1) {
      await house.work()
      house.clock.advanceSeconds(2)
      house.aws.machines.advance()
    }
    expect((await read()).status).toBe('booting')

    const said = await beatAs(house, machineId, { bootStep: 'ready', notices: ['git_missing'] })

    expect([said.status, said.body.continue, said.body.support.allowed]).toEqual([200, true, true])
    expect(await read()).toMatchObject({ status: 'ready', notices: ['git_missing'] })
    house.aws.database.run("UPDATE ec2_instance SET state = 'terminated'")
    house.clock.advanceSeconds(300)
    await house.reconcile()
    expect((await read()).status).toBe('failed')
    await ana.post(`/api/agents/${id}/retry`)
    await house.settle()
    expect(await read()).toMatchObject({ status: 'ready' })
    expect((await read()).notices).toBeUndefined()
  })
})
