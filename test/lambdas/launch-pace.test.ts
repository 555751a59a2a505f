import { SendMessageCommand } from '@aws-sdk/client-sqs'
import { describe, expect, it } from 'vitest'
import { simulateLaunches, UNPACED } from '../../bench/launch-pacing.ts'
import { createVirtualTime } from '../../bench/virtual-time.ts'
import { LAUNCH_OVERDUE_SECONDS, PASSING_STATE_SECONDS } from '../../lambdas/contract/facts.ts'
import { AgentId, TenantId } from '../../lambdas/contract/ids.ts'
import { agentSecretName, launchPaceKey } from '../../lambdas/contract/names.ts'
import { TABLES } from '../../lambdas/contract/tables.ts'
import { createLaunchPace } from '../../lambdas/provisioning/launch-pace.aws.ts'
import { createEmbeddedAws } from '../../local/aws/embedded-aws.ts'
import { AwsFault } from '../../local/aws/service.ts'
import { createTable } from '../../local/installation.ts'
import { START } from '../support/clock.ts'
import { createHarness, CREDENTIALS, type Harness } from '../support/harness.ts'

const BODY = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }
const MINUTES_OF_LINE = 42

/** A tenant, and what EC2 was asked for when; `refuse` says whether it takes a launch. */
const withTenant = async ({ refuse = () => false }: { refuse?: () => boolean } = {}) => {
  const asked: number[] = []
  const house = await createHarness({
    hook: async (call, proceed) => {
      if (call.operation !== 'RunInstances') return proceed()
      asked.push(house.clock.now().getTime())
      if (refuse()) throw new AwsFault('RequestLimitExceeded', 'Request limit exceeded.', { statusCode: 503 })
      return proceed()
    },
  })
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, 'ana@example.com')
  const tenantId = TenantId.parse((await ana.get('/api/session')).body.tenant.id)
  /** Onboards an agent and puts it into the line for machines. */
  const onboard = async (name = 'A') => {
    const id = AgentId.parse((await ana.post('/api/agents', { ...BODY, name })).body.agent.id)
    await house.workOthers()
    return id
  }
  const agentOf = async (id: AgentId) => {
    const agent = await house.deps.agents.read(tenantId, id)
    if (agent === null) throw new Error(`${id} is not there`)
    return agent
  }
  const statusOf = async (id: AgentId) => (await agentOf(id)).status
  return { house, admin, ana, tenantId, asked, onboard, agentOf, statusOf }
}

const messages = (house: Harness) =>
  house.aws.database
    .all('SELECT queue, receives FROM sqs_message')
    .map(({ queue, receives }) => ({ queue: String(queue).split('/').at(-1), receives: Number(receives) }))

const loseMessages = (house: Harness) => house.aws.database.run('DELETE FROM sqs_message')

/** Minutes in which the queue serves others, who came into the line at `lineHead`, and the reconciler runs. */
const serveOthers = async (house: Harness, minutes: number, lineHead: Date) => {
  for (let minute = 0; minute < minutes; minute += 1) {
    house.clock.advanceSeconds(60)
    await house.provisioning.pace.takeTurn(lineHead.toISOString())
    await house.reconcile()
  }
}

/** When each of so many is asked for, in milliseconds from the first: five at once, the others half a second apart. */
const turnsOf = (count: number): number[] => Array.from({ length: count }, (_, index) => Math.max(0, (index - 4) * 500))

describe('the launch queue', () => {
  it.each([10, 300])(
    'drains %i launches at the pace of EC2, none throttled and none to the dead letters',
    async (count) => {
      const run = await simulateLaunches(count)

      expect(run).toMatchObject({ launched: count, deadLetters: 0, putOff: 0, throttledShare: 0, callsPerAgent: 1 })
      expect(run.takenForLost).toBe(0)
      // Five at once, then two a second: as fast as EC2 takes them and no faster.
      expect(run.drainSeconds).toBeCloseTo((count - 5) / 2 + 0.9)
      expect(run.drainSeconds / run.quotaSeconds).toBeLessThanOrEqual(1.05)
    },
  )

  it('is modelled so that launching without a pace is seen', async () => {
    const run = await simulateLaunches(300, UNPACED)

    expect(run.throttledShare).toBeGreaterThan(0.9)
    expect(run.callsPerAgent).toBeGreaterThan(5)
  })

  it('launches five agents at once and the others half a second apart', async () => {
    const { house, asked, onboard, statusOf } = await withTenant()
    const ids = []
    for (let index = 0; index < 10; index += 1) ids.push(await onboard(`Agent ${index}`))
    const from = house.clock.now().getTime()
    while ((await house.workLaunches()) > 0);

    expect(asked.map((at) => at - from)).toEqual(turnsOf(10))
    expect(house.clock.now().getTime() - from).toBeLessThanOrEqual(5_000)
    for (const id of ids) expect(await statusOf(id)).toBe('booting')
  })

  it('keeps no stop waiting behind a thousand launches', async () => {
    const { house, ana, onboard, statusOf } = await withTenant()
    const id = await onboard()
    const [body] = house.aws.database.all('SELECT queue, body FROM sqs_message')
    await house.settle()
    expect(await statusOf(id)).toBe('ready')
    for (let copy = 0; copy < 1000; copy += 1)
      await house.clients.sqs.send(
        new SendMessageCommand({ QueueUrl: String(body?.queue), MessageBody: String(body?.body) }),
      )

    expect((await ana.post(`/api/agents/${id}/stop`)).status).toBe(202)
    expect(await house.workOthers()).toBe(1)

    expect(house.aws.database.get('SELECT state FROM ec2_instance')).toEqual({ state: 'stopping' })
    expect(messages(house).filter(({ queue }) => queue === 'vestibule-launches')).toHaveLength(1000)
  })
})

describe('a launch that EC2 throttles', () => {
  it('is made in a later turn by whoever holds it', async () => {
    let refusals = 7
    const { house, asked, onboard, statusOf } = await withTenant({ refuse: () => (refusals -= 1) >= 0 })
    const id = await onboard()
    await house.workLaunches()

    expect(await statusOf(id)).toBe('booting')
    expect(asked).toHaveLength(8)
    expect(asked.slice(1).map((at, index) => at - (asked[index] ?? 0))).toEqual(Array.from({ length: 7 }, () => 500))
  })

  it('never reaches the dead letters, and is gone on with by the reconciler', async () => {
    let isThrottled = true
    const { house, asked, onboard, statusOf } = await withTenant({ refuse: () => isThrottled })
    const id = await onboard()
    await house.workLaunches()

    expect(await statusOf(id)).toBe('launching')
    expect(messages(house)).toEqual([])
    const tries = asked.length
    house.clock.advanceSeconds(15)
    await house.reconcile()
    expect(asked).toHaveLength(tries)
    house.clock.advanceSeconds(10)
    await house.reconcile()
    expect([asked.length, await statusOf(id)]).toEqual([tries + 1, 'launching'])
    isThrottled = false
    house.clock.advanceSeconds(61)
    await house.reconcile()
    expect(await statusOf(id)).toBe('booting')
    expect(house.aws.machines.listRunning().length + asked.length).toBe(tries + 2)
  })

  it('ends with a reason when it stays so, and is not called cleared while a machine may still turn up', async () => {
    const { house, onboard, agentOf } = await withTenant({ refuse: () => true })
    const id = await onboard()
    await house.workLaunches()
    for (let minute = 0; minute < 12 && (await agentOf(id)).status === 'launching'; minute += 1) {
      house.clock.advanceSeconds(61)
      await house.reconcile()
    }

    expect(await agentOf(id)).toMatchObject({ status: 'failed', reason: { code: 'launch_timed_out' } })
    house.clock.advanceSeconds(30)
    await house.reconcile()
    expect((await agentOf(id)).cleared).toBeUndefined()
    house.clock.advanceSeconds(31)
    await house.reconcile()
    expect((await agentOf(id)).cleared).toBe(true)
  })

  it('is not made when the agent was deleted while it waited for its turn', async () => {
    const { house, ana, asked, onboard, statusOf } = await withTenant({ refuse: () => asked.length === 1 })
    const id = await onboard()
    const { takeTurn } = house.provisioning.pace
    house.provisioning.pace.takeTurn = async (lineHead) => {
      if (asked.length === 1) await ana.del(`/api/agents/${id}`)
      await takeTurn(lineHead)
    }
    await house.workLaunches()

    expect([asked.length, await statusOf(id)]).toEqual([1, 'deleting'])
    expect(house.aws.database.all('SELECT id FROM ec2_instance')).toEqual([])
  })
})

describe('the line for machines', () => {
  it('is no reason to fail: the time of an agent counts from its turn', async () => {
    const { house, onboard, statusOf } = await withTenant()
    const cameBefore = house.clock.now()
    const id = await onboard()
    await serveOthers(house, MINUTES_OF_LINE, cameBefore)
    expect(await statusOf(id)).toBe('requested')

    await house.workLaunches()

    expect(await statusOf(id)).toBe('booting')
  })

  it('is not left early because something else is to be done for an agent', async () => {
    const { house, asked, onboard, agentOf, statusOf } = await withTenant()
    const id = await onboard()
    await house.deps.requests.put(await agentOf(id), 'support')

    expect(await house.workOthers()).toBe(1)

    expect([await statusOf(id), asked.length]).toEqual(['requested', 0])
  })

  it('fails an agent that cannot be launched ten minutes after its turn, not before', async () => {
    const { house, admin, tenantId, onboard, agentOf } = await withTenant()
    const cameBefore = house.clock.now()
    const id = await onboard()
    await serveOthers(house, MINUTES_OF_LINE, cameBefore)
    await admin.post(`/api/admin/tenants/${tenantId}/suspend`)
    await house.workLaunches()
    expect((await agentOf(id)).turnAt).toBe(house.clock.now().toISOString())

    house.clock.advanceSeconds(PASSING_STATE_SECONDS.requested - 1)
    await house.reconcile()
    expect((await agentOf(id)).status).toBe('requested')
    house.clock.advanceSeconds(1)
    await house.reconcile()
    expect(await agentOf(id)).toMatchObject({ status: 'failed', reason: { code: 'launch_timed_out' } })
    expect((await agentOf(id)).turnAt).toBeUndefined()
  })

  it('fails an onboarding that was broken off ten minutes after it began, however long the line is', async () => {
    const { house, tenantId, onboard, agentOf } = await withTenant()
    const cameBefore = house.clock.now()
    const id = await onboard()
    const { secretVersionId: _, ...unfinished } = await agentOf(id)
    await house.deps.agents.replace({ ...unfinished, tenantId }, await agentOf(id))
    await house.deps.vault.remove(agentSecretName('local', tenantId, unfinished.agentId))
    await serveOthers(house, 11, cameBefore)

    expect((await agentOf(id)).reason?.code).toBe('onboarding_interrupted')
  })
})

describe('the reconciler', () => {
  it('leaves a fresh request to the queue, and takes it up when the queue serves nobody', async () => {
    const { house, asked, onboard, statusOf } = await withTenant()
    const id = await onboard()
    loseMessages(house)
    house.clock.advanceSeconds(LAUNCH_OVERDUE_SECONDS - 1)
    await house.reconcile()
    expect([await statusOf(id), asked.length]).toEqual(['requested', 0])

    house.clock.advanceSeconds(1)
    await house.reconcile()

    expect([await statusOf(id), asked.length]).toEqual(['booting', 1])
    expect(house.logs.filter((line) => line.includes('launch taken up'))).toHaveLength(1)
  })

  it('takes up a request that the line has passed by, while it serves others', async () => {
    const { house, onboard, statusOf } = await withTenant()
    const id = await onboard()
    loseMessages(house)
    await serveOthers(house, 3, house.clock.now())
    expect(await statusOf(id)).toBe('requested')

    const cameAfter = new Date(house.clock.now().getTime() + 1)
    await serveOthers(house, 3, cameAfter)
    expect(await statusOf(id)).toBe('requested')
    await serveOthers(house, 1, cameAfter)

    expect(await statusOf(id)).toBe('booting')
  })

  it('S13 passes by nobody of a busy tenant, however many it serves that came later', async () => {
    const { house, asked, onboard, statusOf } = await withTenant()
    const cameBefore = house.clock.now()
    const id = await onboard()
    for (let minute = 0; minute < MINUTES_OF_LINE; minute += 1) {
      await serveOthers(house, 1, house.clock.now())
      // Its own tenant's turn comes every other minute.
      if (minute % 2 === 0) await house.provisioning.pace.takeTurn(cameBefore.toISOString())
    }
    await house.reconcile()

    expect([await statusOf(id), asked.length]).toEqual(['requested', 0])
  })

  it('S13 takes up whom the queue does not come to for those that came later, and the queue launches no second machine', async () => {
    const { house, asked, onboard, statusOf } = await withTenant()
    const id = await onboard()
    for (let minute = 0; minute < 8 && asked.length === 0; minute += 1) await serveOthers(house, 1, house.clock.now())
    expect([await statusOf(id), asked.length]).toEqual(['booting', 1])

    while ((await house.workLaunches()) > 0);

    expect([await statusOf(id), asked.length]).toEqual(['booting', 1])
    expect(house.aws.database.all('SELECT id FROM ec2_instance')).toHaveLength(1)
  })

  it('leaves a fresh request alone while it looks after a merge of the same agent', async () => {
    const { house, ana, asked, onboard, agentOf, statusOf } = await withTenant()
    const cameBefore = house.clock.now()
    const id = await onboard()
    await serveOthers(house, 12, cameBefore)
    const begun = await house.deps.agents.beginMerge((await agentOf(id)).tenantId, id, `mrg_${'0'.repeat(26)}`, {
      kinds: ['githubToken'],
      by: (await ana.get('/api/session')).body.account.id,
      at: house.clock.now().toISOString(),
      requestId: 'crash',
    })
    expect(Object.keys(begun?.pendingMerges ?? {})).toHaveLength(1)
    await serveOthers(house, 3, cameBefore)

    expect([await statusOf(id), asked.length]).toEqual(['requested', 0])
    expect((await agentOf(id)).pendingMerges).toEqual({})
  })

  it('launches no faster than the queue does', async () => {
    const { house, asked, onboard } = await withTenant()
    for (let index = 0; index < 10; index += 1) await onboard(`Agent ${index}`)
    loseMessages(house)
    house.clock.advanceSeconds(LAUNCH_OVERDUE_SECONDS)
    await house.reconcile()

    expect(asked).toHaveLength(10)
    for (const [index, at] of asked.entries())
      expect(at - (asked[0] ?? 0)).toBeGreaterThanOrEqual(turnsOf(10)[index] ?? 0)
  })
})

describe('the pace', () => {
  const createPaces = async () => {
    const time = createVirtualTime(START)
    const { dynamo } = (await createEmbeddedAws({ directory: null, clock: time.clock })).createClients()
    await createTable(dynamo, 'limits', TABLES.limits)
    const pace = () => createLaunchPace({ dynamo, limitsTable: 'limits', clock: time.clock, pause: time.pause })
    return { time, dynamo, pace }
  }

  it('is one for all copies that ask', async () => {
    const { time, pace } = await createPaces()
    const turns: number[] = []
    for (const copy of [pace(), pace(), pace()]) {
      time.start(async () => {
        for (let turn = 0; turn < 4; turn += 1) {
          await copy.takeTurn()
          turns.push(time.clock.now().getTime() - START.getTime())
        }
      })
    }
    await time.run()

    expect(turns).toEqual(turnsOf(12))
  })

  it('makes up for five turns and no more when nobody asked', async () => {
    const { time, pace } = await createPaces()
    const turns: number[] = []
    time.start(async () => {
      await pace().takeTurn()
      await time.pause(60_000)
      for (let turn = 0; turn < 7; turn += 1) {
        await pace().takeTurn()
        turns.push(time.clock.now().getTime() - START.getTime())
      }
    })
    await time.run()

    expect(turns).toEqual(turnsOf(7).map((turn) => 60_000 + turn))
  })

  it('is not held up by a row that a wrong clock wrote', async () => {
    const { time, dynamo, pace } = await createPaces()
    const { PutCommand } = await import('@aws-sdk/lib-dynamodb')
    const nextAt = START.getTime() + 3_600_000
    await dynamo.send(new PutCommand({ TableName: 'limits', Item: { ...launchPaceKey, nextAt } }))
    let turn = -1
    time.start(async () => {
      await pace().takeTurn()
      turn = time.clock.now().getTime() - START.getTime()
    })
    await time.run()

    expect(turn).toBe(0)
  })

  it('S13 tells by the earliest whom the queue served of late how far the line has got, on a row of a wrong clock too', async () => {
    const { time, dynamo, pace } = await createPaces()
    const { PutCommand } = await import('@aws-sdk/lib-dynamodb')
    const came = (minute: number) => new Date(START.getTime() + minute * 60_000).toISOString()
    const Item = { ...launchPaceKey, lineHead: came(-60), headsFrom: came(60) }
    await dynamo.send(new PutCommand({ TableName: 'limits', Item }))
    const told: number[] = []
    time.start(async () => {
      for (const [minute, head] of [
        [0, 0],
        [1, 1],
        [2, 2],
        [3, 1],
        [4, 4],
        [6, 6],
      ] as const) {
        const wait = START.getTime() + minute * 60_000 - time.clock.now().getTime()
        if (wait > 0) await time.pause(wait)
        await pace().takeTurn(came(head))
        const until = (await pace().passedBy()).getTime() + LAUNCH_OVERDUE_SECONDS * 1000
        told.push((until - START.getTime()) / 60_000)
      }
    })
    await time.run()

    // The head of the window before, and of the one that is open: -60 0, -60 0, 0 2, 0 1, 1 4, 4 6.
    expect(told).toEqual([-60, -60, 0, 0, 1, 4])
  })
})
