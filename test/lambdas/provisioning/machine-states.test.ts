import type { DescribeInstancesCommandOutput, InstanceStateName } from '@aws-sdk/client-ec2'
import { describe, expect, it } from 'vitest'
import type { CallHook } from '../../../local/aws/service.ts'
import { createHarness, CREDENTIALS } from '../../support/harness.ts'
import { beatAs, liveMachines } from '../../support/machine.ts'

const BODY = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }

/** A ready agent on an EC2 that says of its machine what it is told to say. */
const withAgent = async () => {
  let said: InstanceStateName | null = null
  const hook: CallHook = async (call, proceed) => {
    if (said === null || call.operation !== 'DescribeInstances') return proceed()
    const answer = structuredClone(await proceed()) as DescribeInstancesCommandOutput
    for (const { Instances = [] } of answer.Reservations ?? [])
      for (const instance of Instances) instance.State = { Name: said }
    return answer
  }
  const house = await createHarness({ hook })
  const ana = await house.join(await house.joinAsAdmin(), 'ana@example.com')
  const { id } = (await ana.post('/api/agents', BODY)).body.agent
  await house.settle()
  const read = async () => (await ana.get(`/api/agents/${id}`)).body.agent
  return {
    house,
    read,
    machine: () => liveMachines(house)[0],
    setMachine: (state: string) => house.aws.database.run('UPDATE ec2_instance SET state = ?', state),
    ask: (verb: string) => ana.post(`/api/agents/${id}/${verb}`),
    let: (state: InstanceStateName | null): void => {
      said = state
    },
    reconcile: async (minutes: number): Promise<void> => {
      for (let minute = 0; minute < minutes; minute += 1) {
        house.clock.advanceSeconds(60)
        house.aws.machines.advance()
        await house.standIns()
        await house.reconcile()
      }
    },
  }
}

describe('what EC2 says of a machine may be from before', () => {
  it('a stop is asked for although the machine seems stopped', async () => {
    const { house, read, machine, ask, let: say } = await withAgent()
    say('stopped')
    await ask('stop')
    await house.settle(4)
    say(null)
    await house.settle()

    expect([(await read()).status, machine()?.state]).toEqual(['stopped', 'stopped'])
  })

  it('a start is asked for although the machine seems to run', async () => {
    const { house, read, machine, ask, let: say } = await withAgent()
    await ask('stop')
    await house.settle()
    say('running')
    await ask('start')
    await house.settle(4)
    say(null)
    await house.settle()

    expect([(await read()).status, machine()?.state]).toEqual(['ready', 'running'])
  })

  it('a start that EC2 refuses is asked for again once it can be done', async () => {
    const { house, read, machine, setMachine, ask, let: say } = await withAgent()
    await ask('stop')
    await house.settle()
    setMachine('stopping')
    say('running')
    await ask('start')
    await house.settle(4)
    expect((await read()).status).toBe('starting')
    setMachine('stopped')
    say(null)
    for (let minute = 0; minute < 3; minute += 1) {
      house.clock.advanceSeconds(60)
      await house.reconcile()
      await house.settle(4)
    }

    expect([(await read()).status, machine()?.state]).toEqual(['ready', 'running'])
  })

  it('an agent whose machine seemed stopped and is heard is ready again', async () => {
    const { house, read, machine, let: say, reconcile } = await withAgent()
    say('stopped')
    house.clock.advanceSeconds(300)
    await house.reconcile()
    expect(await read()).toMatchObject({ status: 'stopped', reason: { code: 'stopped_outside' } })
    say(null)

    await reconcile(3)

    expect([(await read()).status, (await read()).reason, machine()?.state]).toEqual(['ready', undefined, 'running'])
  })
})

describe('a machine that runs although its agent is stopped', () => {
  it('is stopped again where its tenant had asked for it', async () => {
    const { house, read, machine, setMachine, ask, reconcile } = await withAgent()
    await ask('stop')
    await house.settle()
    setMachine('running')

    await reconcile(3)
    await house.settle()

    expect([(await read()).status, machine()?.state]).toEqual(['stopped', 'stopped'])
  })

  it('is told to end, and not to go on', async () => {
    const { house, machine, ask } = await withAgent()
    await ask('stop')
    await house.settle()

    expect((await beatAs(house, machine()?.id ?? '')).body.continue).toBe(false)
  })

  it('is looked at once for a heartbeat, and not for ever', async () => {
    const { house, machine, ask } = await withAgent()
    await ask('stop')
    await house.settle()
    house.clock.advanceSeconds(60)
    await beatAs(house, machine()?.id ?? '')
    const lookAt = () => house.aws.database.get("SELECT item FROM ddb_item WHERE sk LIKE 'AGENT#%'")?.item

    expect(String(lookAt())).toContain('"lookAt"')
    await house.reconcile()
    expect(String(lookAt())).not.toContain('"lookAt"')
  })
})
