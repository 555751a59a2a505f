import { describe, expect, it } from 'vitest'
import { measureCriticalPath } from '../support/critical-path.ts'
import { createHarness, CREDENTIALS } from '../support/harness.ts'
import { beatAs, liveMachines } from '../support/machine.ts'
import { createRoundTripCounter } from '../support/round-trips.ts'

describe('AWS round trips in warm functions', () => {
  it('stay within their budgets, whatever the number of credentials', async () => {
    const costs = await measureCriticalPath()

    for (const { operation, waves, calls, goal, names } of costs) {
      expect(waves, `${operation}: ${names.join(' ')}`).toBeLessThanOrEqual(goal.waves)
      expect(calls, `${operation}: ${names.join(' ')}`).toBeLessThanOrEqual(goal.calls)
    }
    expect(costs).toHaveLength(8)
  })

  it('hear a machine that has nothing new with four calls, and one more now and then to say that it was seen', async () => {
    const counter = createRoundTripCounter()
    const house = await createHarness({ hook: counter.hook })
    const ana = await house.join(await house.joinAsAdmin(), 'ana@example.com')
    await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    await house.settle()
    const machineId = liveMachines(house)[0]?.id ?? ''
    const beat = () =>
      counter.measure(async () => expect((await beatAs(house, machineId, { notices: [] })).body.continue).toBe(true))
    await beat()
    const hearing = ['dynamodb.GetItem', 'dynamodb.GetItem', 'dynamodb.GetItem', 'dynamodb.UpdateItem']

    const nothingNew = await beat()
    house.clock.advanceSeconds(30)
    const later = await beat()

    expect([nothingNew.names.toSorted(), nothingNew.waves]).toEqual([hearing, 3])
    expect([later.names.toSorted(), later.waves]).toEqual([[...hearing.slice(0, 3), 'dynamodb.PutItem', hearing[3]], 4])
  })

  it('list a page with the same two calls for one agent and for ten', async () => {
    const [one] = (await measureCriticalPath()).filter(({ operation }) => operation === 'list agents')

    expect(one?.names).toEqual(['dynamodb.BatchGetItem', 'dynamodb.Query'])
  })
})
