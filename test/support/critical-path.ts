import { createHarness, CREDENTIALS, PASSWORD } from './harness.ts'
import { createRoundTripCounter } from './round-trips.ts'

export interface PathCost {
  operation: string
  waves: number
  calls: number
  goal: { waves: number; calls: number }
  names: string[]
}

/** AWS round trips of each operation on the critical path, in warm functions. */
export const measureCriticalPath = async (): Promise<PathCost[]> => {
  const counter = createRoundTripCounter()
  const house = await createHarness({ hook: counter.hook })
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, 'ana@example.com')
  const costs: PathCost[] = []
  const measure = async (
    operation: string,
    goal: PathCost['goal'],
    run: () => Promise<{ status: number }>,
  ): Promise<void> => {
    let status = 0
    const measured = await counter.measure(async () => {
      status = (await run()).status
    })
    if (status >= 400) throw new Error(`${operation} answered ${status}`)
    costs.push({ operation, goal, ...measured })
  }
  const onboard = (name: string, credentials: object) =>
    ana.post('/api/agents', { name, credentials }, { 'idempotency-key': name })
  const one = { claudeCodeToken: CREDENTIALS.claudeCodeToken }

  await onboard('warm', one)
  const { id } = (await ana.get('/api/agents')).body.agents[0]
  await measure('session check', { waves: 1, calls: 1 }, () => ana.get('/api/session'))
  await measure('list agents', { waves: 2, calls: 2 }, () => ana.get('/api/agents'))
  await measure('login', { waves: 2, calls: 3 }, () =>
    house.browse().post('/api/login', { email: 'ana@example.com', password: PASSWORD }),
  )
  const { code } = await house.invite(admin, { email: 'new@example.com' })
  await measure('redeem', { waves: 2, calls: 3 }, () =>
    house.browse().post('/api/signup', { invite: code, email: 'new@example.com', password: PASSWORD }),
  )
  await measure('onboard, one credential', { waves: 5, calls: 7 }, () => onboard('One', one))
  await measure('onboard, four credentials', { waves: 5, calls: 7 }, () => onboard('Four', CREDENTIALS))
  await measure('credential merge', { waves: 4, calls: 6 }, () =>
    ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken }),
  )
  await measure('sign out', { waves: 1, calls: 1 }, () => ana.post('/api/logout'))
  return costs
}
