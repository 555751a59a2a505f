import { describe, expect, it } from 'vitest'
import { measureCriticalPath } from '../support/critical-path.ts'

describe('AWS round trips in warm functions', () => {
  it('stay within their budgets, whatever the number of credentials', async () => {
    const costs = await measureCriticalPath()

    for (const { operation, waves, calls, goal, names } of costs) {
      expect(waves, `${operation}: ${names.join(' ')}`).toBeLessThanOrEqual(goal.waves)
      expect(calls, `${operation}: ${names.join(' ')}`).toBeLessThanOrEqual(goal.calls)
    }
    expect(costs).toHaveLength(8)
  })

  it('list a page with the same two calls for one agent and for ten', async () => {
    const [one] = (await measureCriticalPath()).filter(({ operation }) => operation === 'list agents')

    expect(one?.names).toEqual(['dynamodb.BatchGetItem', 'dynamodb.Query'])
  })
})
