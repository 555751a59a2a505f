import { describe, expect, it } from 'vitest'
import { FRESH_KEY_SECONDS, STRAY_SWEEP_SECONDS } from '../../lambdas/contract/facts.ts'
import { AgentId, TenantId } from '../../lambdas/contract/ids.ts'
import { agentSecretName } from '../../lambdas/contract/names.ts'
import { AwsFault, type AwsCall, type CallHook } from '../../local/aws/service.ts'
import { createCrashAt } from '../support/crash.ts'
import { ADAPTERS, createHarness, CREDENTIALS, type Harness, PASSWORD } from '../support/harness.ts'
import { listMachines } from '../support/machine.ts'

const EMAIL = 'ana@example.com'
const BODY = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }
const KEY = { 'idempotency-key': 'the-same-each-time' }

const keys = ({ aws }: Harness) =>
  aws.database.all("SELECT id, state, rotation FROM kms_key WHERE tags LIKE '%tenant%'")
const usableKeys = (house: Harness) => keys(house).filter(({ state }) => state === 'Enabled')
const aliasedKey = ({ aws }: Harness) =>
  aws.database.get("SELECT key FROM kms_alias WHERE name LIKE 'alias/vestibule/local/tenant/%'")?.key

/** Breaks what `judge` says should be broken, once the product is set up. */
const createFaults = () => {
  let judge: (call: AwsCall) => AwsFault | null = () => null
  const calls: string[] = []
  const hook: CallHook = (call, proceed) => {
    calls.push(call.operation)
    const fault = judge(call)
    if (fault !== null) throw fault
    return proceed()
  }
  return {
    hook,
    calls,
    arm: (next: typeof judge): void => {
      judge = next
    },
  }
}

const inHour = async (house: Harness): Promise<void> => {
  house.clock.advanceSeconds(STRAY_SWEEP_SECONDS)
  for (let minute = 0; minute < 4; minute += 1) {
    house.clock.advanceSeconds(60)
    house.aws.machines.advance()
    await house.standIns()
    await house.reconcile()
  }
}

/** As long as it takes until an onboarding that stored nothing has failed. */
const giveUp = async (house: Harness): Promise<void> => {
  for (let minute = 0; minute < 12; minute += 1) {
    house.clock.advanceSeconds(60)
    await house.reconcile()
  }
}

describe.each(ADAPTERS)('the first key of a tenant, over %s', (adapter) => {
  const withTenant = async (hook?: CallHook) => {
    const house = await createHarness({ adapter, hook })
    const ana = await house.join(await house.joinAsAdmin(), EMAIL)
    return { house, ana }
  }

  /** An onboarding whose process dies at a call to AWS. */
  const dieOnboarding = async (house: Harness, operation: string, moment: 'before' | 'after') => {
    const { aws, clock } = house
    const crash = createCrashAt(operation, moment)
    const seed = `dies as number ${keys(house).length}`
    const ana = (await createHarness({ adapter, aws, clock, hook: crash.hook, seed })).browse()
    await ana.post('/api/login', { email: EMAIL, password: PASSWORD })
    void ana.post('/api/agents', BODY, KEY)
    await expect.poll(crash.isDead, { interval: 2 }).toBe(true)
  }

  it('PRV-04 is one though two tries died between its making and its naming; what they left is ended', async () => {
    const { house } = await withTenant()
    await dieOnboarding(house, 'CreateKey', 'after')
    await dieOnboarding(house, 'CreateKey', 'after')
    expect([keys(house).length, aliasedKey(house)]).toEqual([2, undefined])

    const ana = house.browse()
    await ana.post('/api/login', { email: EMAIL, password: PASSWORD })
    expect((await ana.post('/api/agents', BODY, KEY)).status).toBe(202)
    for (let hour = 0; hour < 3; hour += 1) await inHour(house)

    expect(usableKeys(house)).toEqual([{ id: aliasedKey(house), state: 'Enabled', rotation: 1 }])
    expect((await ana.get('/api/agents')).body.agents[0].status).toBe('ready')
  })

  it('PRV-06 is waited for while KMS does not know it yet and Secrets Manager may not use it; there is no second one', async () => {
    const faults = createFaults()
    const { house, ana } = await withTenant(faults.hook)
    const startedAt = house.clock.now().getTime()
    faults.arm(({ service, operation }) => {
      const seconds = (house.clock.now().getTime() - startedAt) / 1000
      if (seconds >= 20 || keys(house).length === 0) return null
      if (service === 'kms')
        return new AwsFault(seconds < 10 ? 'NotFoundException' : 'AccessDeniedException', 'not yet')
      return operation === 'CreateSecret' ? new AwsFault('AccessDeniedException', 'Access to KMS is not allowed') : null
    })

    expect((await ana.post('/api/agents', BODY, KEY)).status).toBe(202)
    await house.settle()

    expect(faults.calls.filter((operation) => operation === 'CreateKey')).toHaveLength(1)
    expect(faults.calls.filter((operation) => operation === 'CreateAlias').length).toBeLessThan(20)
    expect((await ana.get('/api/agents')).body.agents[0].status).toBe('ready')
    expect(keys(house)).toEqual([{ id: aliasedKey(house), state: 'Enabled', rotation: 1 }])
  })

  it('PRV-06 is waited for at each call that names it', async () => {
    const faults = createFaults()
    const { house, ana } = await withTenant(faults.hook)
    const early = ['CreateAlias', 'EnableKeyRotation', 'CreateSecret']
    faults.arm(({ operation }) => {
      const tries = faults.calls.filter((other) => other === operation).length
      return early.includes(operation) && tries < 3 ? new AwsFault('AccessDeniedException', 'not yet') : null
    })

    expect((await ana.post('/api/agents', BODY, KEY)).status).toBe(202)

    expect(early.map((operation) => faults.calls.filter((other) => other === operation).length)).toEqual([3, 3, 3])
    expect(keys(house)).toEqual([{ id: aliasedKey(house), state: 'Enabled', rotation: 1 }])
  })

  it('PRV-06 waits no longer than a call may take, says so, and goes on with the same key', async () => {
    const faults = createFaults()
    const { house, ana } = await withTenant(faults.hook)
    const startedAt = house.clock.now().getTime()
    faults.arm(({ operation }) =>
      operation === 'CreateSecret' ? new AwsFault('AccessDeniedException', 'Access to KMS is not allowed') : null,
    )

    expect((await ana.post('/api/agents', BODY, KEY)).status).toBe(503)
    expect((house.clock.now().getTime() - startedAt) / 1000).toBeLessThan(FRESH_KEY_SECONDS + 3)
    // With a key that is not new there is nothing to wait for.
    const before = house.clock.now().getTime()
    expect((await ana.post('/api/agents', BODY, KEY)).status).toBe(503)
    expect(house.clock.now().getTime()).toBe(before)
    faults.arm(() => null)
    expect((await ana.post('/api/agents', BODY, KEY)).status).toBe(202)

    expect(keys(house)).toHaveLength(1)
  })

  it('I-21 is asked for again by the call that was given up meanwhile, and the trail says so', async () => {
    const { house, ana } = await withTenant()
    await dieOnboarding(house, 'DescribeKey', 'before')
    await giveUp(house)
    expect((await ana.post('/api/agents', BODY, KEY)).status).toBe(202)
    await house.settle()

    const { events } = (await ana.get('/api/audit?limit=100')).body
    const actions = events
      .map(({ action }: { action: string }) => action)
      .filter((one: string) => one.startsWith('agent.'))
    expect(actions.toReversed()).toEqual([
      'agent.onboarded',
      'agent.failed',
      'agent.retry_requested',
      'agent.launching',
      'agent.booting',
      'agent.enrolled',
      'agent.ready',
    ])
  })

  it('is learned by the tenant’s row also where credentials come after an onboarding that was broken off', async () => {
    const { house, ana } = await withTenant()
    const tenantId = TenantId.parse((await ana.get('/api/session')).body.tenant.id)
    await dieOnboarding(house, 'DescribeKey', 'before')
    await giveUp(house)
    const [agent] = (await ana.get('/api/agents')).body.agents
    expect([agent.reason.code, keys(house).length]).toEqual(['onboarding_interrupted', 0])

    await ana.patch(`/api/agents/${agent.id}/credentials`, BODY.credentials)
    expect((await ana.post(`/api/agents/${agent.id}/retry`)).status).toBe(202)
    await house.settle()

    expect((await ana.get(`/api/agents/${agent.id}`)).body.agent.status).toBe('ready')
    const secret = agentSecretName('local', tenantId, AgentId.parse(agent.id))
    expect((await house.deps.vault.describe(secret)).ok).toBe(true)
  })
})

describe('the profile of the machines', () => {
  it('PRV-07 is waited for while EC2 does not see it yet: one launch, and the agent is ready', async () => {
    const faults = createFaults()
    const house = await createHarness({ hook: faults.hook })
    const ana = await house.join(await house.joinAsAdmin(), EMAIL)
    const startedAt = house.clock.now().getTime()
    faults.arm(({ operation }) =>
      operation === 'RunInstances' && house.clock.now().getTime() < startedAt + 30_000
        ? new AwsFault(
            'InvalidParameterValue',
            'Value (agents) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name',
          )
        : null,
    )
    const { id } = (await ana.post('/api/agents', BODY, KEY)).body.agent
    await house.settle(60)

    const { status, timeline } = (await ana.get(`/api/agents/${id}`)).body.agent
    expect([status, timeline.map((step: { status: string }) => step.status)]).toEqual([
      'ready',
      ['requested', 'launching', 'booting', 'ready'],
    ])
    expect(listMachines(house)).toHaveLength(1)
    expect(faults.calls.filter((operation) => operation === 'RunInstances').length).toBeLessThan(65)
  })

  it('that any other parameter is wrong is not waited for', async () => {
    const faults = createFaults()
    const house = await createHarness({ hook: faults.hook })
    const ana = await house.join(await house.joinAsAdmin(), EMAIL)
    faults.arm(({ operation }) =>
      operation === 'RunInstances' ? new AwsFault('InvalidParameterValue', 'Invalid value for instanceType') : null,
    )
    const { id } = (await ana.post('/api/agents', BODY, KEY)).body.agent
    await house.settle(3)

    expect((await ana.get(`/api/agents/${id}`)).body.agent.reason.code).toBe('launch_refused')
  })
})
