import { PutSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { describe, expect, it } from 'vitest'
import { agentSecretName } from '../../lambdas/contract/names.ts'
import { AwsFault } from '../../local/aws/service.ts'
import { createCrash } from '../support/crash.ts'
import { createHarness, CREDENTIALS, type Harness, PASSWORD } from '../support/harness.ts'
import { listMachines, liveMachines } from '../support/machine.ts'

const EMAIL = 'ana@example.com'
const BODY = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }

const withTenant = async (options: Parameters<typeof createHarness>[0] = {}) => {
  const house = await createHarness(options)
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, EMAIL)
  const tenantId = (await ana.get('/api/session')).body.tenant.id
  return { house, admin, ana, tenantId }
}

/** Hours of reconciling, machines going on as they would, but no queue: as if every event were lost. */
const reconcileFor = async (house: Harness, minutes: number) => {
  for (let minute = 0; minute < minutes; minute += 1) {
    house.clock.advanceSeconds(60)
    house.aws.machines.advance()
    await house.reconcile()
  }
}

describe('convergence', () => {
  it('PRV-12 reaches ready though every event is lost', async () => {
    const { house, ana } = await withTenant()
    const { id } = (await ana.post('/api/agents', BODY)).body.agent
    for (let round = 0; round < 8; round += 1) {
      await reconcileFor(house, 1)
      await house.standIns()
    }

    expect((await ana.get(`/api/agents/${id}`)).body.agent.status).toBe('ready')
    expect(liveMachines(house)).toHaveLength(1)
  })

  it('PRV-12 goes on with an onboarding that died after its credentials were stored, though it is never sent again', async () => {
    let isDead = false
    const { house } = await withTenant({
      hook: async (call, proceed) => {
        if (isDead) return new Promise(() => undefined)
        const answer = await proceed()
        if (call.operation !== 'CreateSecret' || !JSON.stringify(call.input).includes('tenant')) return answer
        isDead = true
        return new Promise(() => undefined)
      },
    })
    const browser = house.browse()
    await browser.post('/api/login', { email: EMAIL, password: PASSWORD })
    void browser.post('/api/agents', { ...BODY, credentials: CREDENTIALS })
    await expect.poll(() => isDead, { interval: 2 }).toBe(true)

    const reborn = await createHarness({ aws: house.aws, clock: house.clock, seed: 'reborn' })
    for (let round = 0; round < 9; round += 1) {
      await reconcileFor(reborn, 1)
      await reborn.standIns()
    }
    const ana = reborn.browse()
    await ana.post('/api/login', { email: EMAIL, password: PASSWORD })
    const [agent] = (await ana.get('/api/agents')).body.agents

    expect([agent.status, agent.credentials.githubToken, agent.credentials.anthropicApiKey]).toEqual([
      'ready',
      { provided: true },
      { provided: false },
    ])
  })

  it('looks at all in turn when EC2 is so slow that a pass has time for one, and also when each look fails', async () => {
    let slow = false
    let asked: string[] = []
    let fault: AwsFault | null = null
    const { house, ana } = await withTenant({
      hook: async (call, proceed) => {
        if (!slow || call.operation !== 'DescribeInstances') return proceed()
        house.clock.advanceSeconds(41)
        asked.push(JSON.stringify(call.input))
        if (fault !== null) throw fault
        return proceed()
      },
    })
    for (const name of ['A', 'B', 'C']) await ana.post('/api/agents', { ...BODY, name })
    await house.work()
    await house.work()
    await house.work()
    expect(liveMachines(house)).toHaveLength(3)
    house.clock.advanceSeconds(1)

    slow = true
    const looked = []
    for (const next of [null, new AwsFault('UnauthorizedOperation', 'no', { statusCode: 403 })]) {
      fault = next
      asked = []
      for (let pass = 0; pass < 3; pass += 1) looked.push((await house.reconcile()).looked)
      expect(new Set(asked).size).toBe(3)
    }
    expect(looked).toEqual([1, 1, 1, 1, 1, 1])
  })

  it('PRV-02 launches once however often the event comes', async () => {
    const { house, ana } = await withTenant()
    await ana.post('/api/agents', BODY)
    for (let copy = 0; copy < 10; copy += 1) {
      house.aws.database.run('UPDATE sqs_message SET visible_at = 0, receives = 0')
      await Promise.all([house.work(), house.work(), house.work()])
    }

    expect(listMachines(house)).toHaveLength(1)
  })

  it('EC2-01 keeps one machine when the answer of the launch is lost', async () => {
    let lose = 1
    const { house, ana } = await withTenant({
      hook: async (call, proceed) => {
        const result = await proceed()
        if (call.operation === 'RunInstances' && lose > 0) {
          lose -= 1
          throw new AwsFault('InternalError', 'lost', { statusCode: 500 })
        }
        return result
      },
    })
    const { id } = (await ana.post('/api/agents', BODY)).body.agent
    await house.settle(40)

    expect(listMachines(house)).toHaveLength(1)
    expect((await ana.get(`/api/agents/${id}`)).body.agent.status).toBe('ready')
  })

  it('moves to the next subnet when one has no capacity, and says so when none has', async () => {
    let full = 1
    const { house, ana } = await withTenant({
      hook: async (call, proceed) => {
        if (call.operation === 'RunInstances' && full > 0) {
          full -= 1
          throw new AwsFault('InsufficientInstanceCapacity', 'full')
        }
        return proceed()
      },
    })
    const first = (await ana.post('/api/agents', BODY)).body.agent.id
    await house.settle()
    full = 10
    const second = (await ana.post('/api/agents', { ...BODY, name: 'B' })).body.agent.id
    await house.settle()

    expect((await ana.get(`/api/agents/${first}`)).body.agent).toMatchObject({
      status: 'ready',
      instance: { zone: 'eu-central-1b' },
    })
    const failed = (await ana.get(`/api/agents/${second}`)).body.agent
    expect(failed).toMatchObject({ status: 'failed', reason: { code: 'no_capacity' } })
    full = 0
    expect((await ana.post(`/api/agents/${second}/retry`)).status).toBe(202)
    await house.settle()
    expect((await ana.get(`/api/agents/${second}`)).body.agent.status).toBe('ready')
    expect(liveMachines(house)).toHaveLength(2)
  })

  it('leaves no machine behind when an agent fails by its deadline', async () => {
    const { house, ana } = await withTenant()
    const { id } = (await ana.post('/api/agents', BODY)).body.agent
    await house.work()
    await reconcileFor(house, 30)

    const { agent } = (await ana.get(`/api/agents/${id}`)).body
    expect(agent).toMatchObject({ status: 'failed', reason: { code: 'boot_timed_out' } })
    expect(liveMachines(house)).toEqual([])
    expect((await ana.put(`/api/agents/${id}/support-access`, { enabled: false })).status).toBe(200)
    expect((await house.reconcile()).looked).toBe(0)
  })

  it('EC2-09 notices a machine that ended while nobody said so', async () => {
    const { house, ana } = await withTenant()
    const { id } = (await ana.post('/api/agents', BODY)).body.agent
    await house.settle()
    house.aws.database.run("UPDATE ec2_instance SET state = 'terminated'")
    await reconcileFor(house, 5)

    expect((await ana.get(`/api/agents/${id}`)).body.agent).toMatchObject({
      status: 'failed',
      reason: { code: 'instance_lost' },
    })
  })

  it('stops what was still on its way when its tenant was suspended', async () => {
    let suspend: (() => Promise<unknown>) | null = null
    const { house, admin, ana, tenantId } = await withTenant({
      hook: async (call, proceed) => {
        if (call.operation === 'RunInstances') await suspend?.()
        return proceed()
      },
    })
    const { id } = (await ana.post('/api/agents', BODY)).body.agent
    const statusOf = async () => (await house.deps.agents.read(tenantId, id))?.status
    let statusThen: string | undefined
    suspend = async () => {
      statusThen = await statusOf()
      await admin.post(`/api/admin/tenants/${tenantId}/suspend`)
    }
    await house.work()
    expect(statusThen).toBe('launching')
    await house.settle(10)
    await reconcileFor(house, 3)

    expect(liveMachines(house).map(({ state }) => state)).toEqual(['stopped'])
  })

  it('SSH-02 closes the support path although an opening was overtaken by the change of mind', async () => {
    let release: (() => void) | null = null
    let delayOpening = false
    const { house, ana } = await withTenant({
      hook: async (call, proceed) => {
        const input = call.input as { Groups?: string[] }
        if (
          delayOpening &&
          call.operation === 'ModifyInstanceAttribute' &&
          input.Groups?.includes('sg-support') === true
        ) {
          await new Promise<void>((resolve) => {
            release = resolve
          })
        }
        return proceed()
      },
    })
    const { id } = (await ana.post('/api/agents', { ...BODY, supportAccess: false })).body.agent
    await house.settle()
    expect(liveMachines(house)[0]?.groups).toEqual(['sg-agent'])
    delayOpening = true
    await ana.put(`/api/agents/${id}/support-access`, { enabled: true })
    const opening = house.work()
    await expect.poll(() => release).not.toBeNull()
    delayOpening = false
    const off = ana.put(`/api/agents/${id}/support-access`, { enabled: false })
    await expect.poll(async () => (await house.work()) > 0).toBe(true)
    const answered = await off
    release!()
    await opening

    expect(answered.body.agent.supportAccess).toBe(false)
    expect(liveMachines(house)[0]?.groups).toEqual(['sg-agent'])
  })

  it('SSH-02 answers "off" only when the path is closed', async () => {
    const { house, ana } = await withTenant()
    const { id } = (await ana.post('/api/agents', { ...BODY, supportAccess: true })).body.agent
    await house.settle()
    expect(liveMachines(house)[0]?.groups).toEqual(['sg-agent', 'sg-support'])

    let answered = false
    const off = ana.put(`/api/agents/${id}/support-access`, { enabled: false }).finally(() => {
      answered = true
    })
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect([answered, liveMachines(house)[0]?.groups]).toEqual([false, ['sg-agent', 'sg-support']])
    await house.work()

    expect([(await off).status, liveMachines(house)[0]?.groups]).toEqual([200, ['sg-agent']])
  })

  it('SSH-01 starts every machine with the support path closed', async () => {
    const { house, ana } = await withTenant()
    const { id } = (await ana.post('/api/agents', BODY)).body.agent
    let launchedWith: string[] = []
    const probe = setInterval(() => {
      launchedWith = launchedWith.length > 0 ? launchedWith : (listMachines(house)[0]?.groups ?? [])
    }, 0)
    const off = ana.put(`/api/agents/${id}/support-access`, { enabled: false })
    await house.work()
    clearInterval(probe)

    expect((await off).status).toBe(200)
    await house.settle()
    expect(liveMachines(house)[0]?.groups).toEqual(['sg-agent'])
  })
})

describe('credentials after a crash', () => {
  it('does not overwrite a newer credential when an onboarding is sent again', async () => {
    const crash = createCrash()
    const { house } = await withTenant({ hook: crash.hook })
    const ana = house.browse()
    await ana.post('/api/login', { email: EMAIL, password: PASSWORD })
    const body = { ...BODY, credentials: { ...BODY.credentials, githubToken: 'ghp_oldoldoldold' } }
    crash.arm(8, 'after')
    void ana.post('/api/agents', body, { 'idempotency-key': 'k' })
    await expect.poll(crash.isDead, { interval: 2 }).toBe(true)

    const reborn = await createHarness({ aws: house.aws, clock: house.clock, seed: 'reborn' })
    const again = reborn.browse()
    await again.post('/api/login', { email: EMAIL, password: PASSWORD })
    const [{ id }] = (await again.get('/api/agents')).body.agents
    const patched = await again.patch(`/api/agents/${id}/credentials`, {
      claudeCodeToken: BODY.credentials.claudeCodeToken,
      githubToken: 'ghp_newnewnewnew',
    })
    const retried = await again.post('/api/agents', body, { 'idempotency-key': 'k' })
    const tenantId = (await again.get('/api/session')).body.tenant.id
    const stored = await reborn.deps.vault.describe(agentSecretName('local', tenantId, id))
    const { SecretString } = await reborn.clients.secrets.send(
      new (await import('@aws-sdk/client-secrets-manager')).GetSecretValueCommand({
        SecretId: agentSecretName('local', tenantId, id),
      }),
    )

    expect([patched.status, retried.status, stored.ok]).toEqual([200, 202, true])
    expect(SecretString).toContain('ghp_newnewnewnew')
  })

  it('records exactly the merges that were written, whoever finishes them', async () => {
    const { house, ana, tenantId } = await withTenant()
    const { id } = (await ana.post('/api/agents', BODY)).body.agent
    const crash = createCrash()
    const dying = await createHarness({ aws: house.aws, clock: house.clock, seed: 'dying', hook: crash.hook })
    const first = dying.browse()
    await first.post('/api/login', { email: EMAIL, password: PASSWORD })
    crash.arm(4, 'after')
    void first.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken })
    await expect.poll(crash.isDead, { interval: 2 }).toBe(true)
    await ana.patch(`/api/agents/${id}/credentials`, { slackBotToken: CREDENTIALS.slackBotToken })
    house.clock.advanceSeconds(120)
    await house.reconcile()

    const { credentials } = (await ana.get(`/api/agents/${id}`)).body.agent
    const kinds = (await ana.get('/api/audit')).body.events
      .filter((event: { action: string }) => event.action === 'agent.credentials_changed')
      .map((event: { detail: { kinds: string[] } }) => event.detail.kinds)
    const state = await house.deps.vault.describe(agentSecretName('local', tenantId, id))
    expect(state.ok && state.value.names.toSorted()).toEqual(
      ['claudeCodeToken', 'githubToken', 'slackBotToken'].filter((name) => credentials[name].provided),
    )
    expect(kinds.toSorted()).toEqual(
      state.ok && state.value.names.includes('githubToken') ? ['githubToken', 'slackBotToken'] : ['slackBotToken'],
    )
  })

  it('survives a failing store in the middle of a change without taking the process down', async () => {
    let broken = false
    const { ana, house } = await withTenant({
      hook: async (call, proceed) => {
        if (broken && call.operation === 'UpdateItem')
          throw new AwsFault('InternalServerError', 'no', { statusCode: 500 })
        if (broken && call.operation === 'GetSecretValue') await new Promise((resolve) => setTimeout(resolve, 600))
        return proceed()
      },
    })
    const { id } = (await ana.post('/api/agents', BODY)).body.agent
    broken = true
    const reply = await ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken })
    broken = false

    expect(reply.status).toBe(503)
    expect((await house.browse().get('/api/health')).status).toBe(200)
  })
})

describe('a machine that falls silent', () => {
  it('is shown as unreachable after three minutes, and no longer once it is heard', async () => {
    const { house, ana } = await withTenant()
    await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    await house.settle()
    const read = async () => (await ana.get('/api/agents')).body.agents[0]
    const { lastSeenAt } = await read()

    house.clock.advanceSeconds(170)
    expect([(await read()).status, (await read()).unreachableSince]).toEqual(['ready', undefined])
    house.clock.advanceSeconds(11)
    expect([(await read()).status, (await read()).unreachableSince]).toEqual(['ready', lastSeenAt])
    await house.standIns()

    expect((await read()).unreachableSince).toBeUndefined()
  })
})

describe('keys and marks', () => {
  it('CLK-01 takes a new session key at once, and the old one until it is retired', async () => {
    const { house, ana } = await withTenant()
    const other = await createHarness({ aws: house.aws, clock: house.clock, seed: 'other' })
    const rotate = (value: object) =>
      house.clients.secrets.send(
        new PutSecretValueCommand({ SecretId: house.names.sessionKeysSecret, SecretString: JSON.stringify(value) }),
      )
    const { keys } = { keys: await house.deps.sessionKeys() }
    const old = { kid: keys.current.kid, key: keys.current.key.export().toString('base64') }
    const fresh = {
      kid: 'k2',
      key: Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString('base64'),
    }
    await other.browse().get('/api/agents', { cookie: `vestibule-local=${ana.cookies.get('vestibule-local')}` })
    await rotate({ ...fresh, previous: old })
    house.clock.advanceSeconds(301)
    const signedIn = house.browse()
    await signedIn.post('/api/login', { email: EMAIL, password: PASSWORD })
    const cookie = `vestibule-local=${signedIn.cookies.get('vestibule-local')}`
    other.clock.advanceSeconds(6)

    expect(signedIn.cookies.get('vestibule-local')).toMatch(/^k2\./)
    expect((await other.browse().get('/api/agents', { cookie })).status).toBe(200)
    expect((await ana.get('/api/agents')).status).toBe(200)
    await rotate(fresh)
    house.clock.advanceSeconds(301)
    expect((await ana.get('/api/agents')).status).toBe(401)
    await rotate({ kid: 'weak', key: Buffer.alloc(32).toString('base64') })
    house.clock.advanceSeconds(301)
    expect((await ana.get('/api/agents')).status).toBe(503)
  })

  it('revokes an expired invite although a newer one has taken over its address', async () => {
    const house = await createHarness()
    const admin = await house.joinAsAdmin()
    const first = await house.invite(admin, { email: 'x@example.com', expiresInHours: 1 })
    house.clock.advanceSeconds(3_601)
    const second = await house.invite(admin, { email: 'x@example.com' })

    expect((await admin.del(`/api/admin/invites/${first.id}`)).status).toBe(204)
    const joined = await house
      .browse()
      .post('/api/signup', { invite: second.code, email: 'x@example.com', password: PASSWORD })
    expect(joined.status).toBe(201)
    expect((await admin.del(`/api/admin/invites/${second.id}`)).status).toBe(409)
  })
})
