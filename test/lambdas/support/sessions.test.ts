import { describe, expect, it } from 'vitest'
import { sha256Hex } from '../../../lambdas/core/digest.ts'
import { AwsFault } from '../../../local/aws/service.ts'
import { createHarness, CREDENTIALS } from '../../support/harness.ts'
import { beatAs, liveMachines } from '../../support/machine.ts'

const REASON = 'Ticket 4711: the agent does not answer in Slack'
/** The public half of a key that nobody has. */
const PUBLIC_KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)}`
const AT = '2026-03-02T10:00:03.000Z'

const withSession = async (options: Parameters<typeof createHarness>[0] = {}) => {
  const house = await createHarness(options)
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, 'ana@example.com')
  const help = await house.join(admin, 'help@example.com', { role: 'support' })
  await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
  await house.settle()
  const { id } = (await ana.get('/api/agents')).body.agents[0]
  const issued = await help.post('/api/support/certificates', { agentId: id, publicKey: PUBLIC_KEY, reason: REASON })
  expect(issued.status).toBe(201)
  const events = async (prefix: string) =>
    (await ana.get('/api/audit?limit=100')).body.events.filter(({ action }: { action: string }) =>
      action.startsWith(prefix),
    )
  const [{ detail }] = await events('support.certificate_issued')
  const machineId = liveMachines(house)[0]?.id ?? ''
  const report = (event: 'opened' | 'closed', more: Record<string, unknown> = {}) => ({
    id: sha256Hex(event),
    event,
    serial: detail.serial as string,
    at: AT,
    ...more,
  })
  const tell = (...supportSessions: object[]) => beatAs(house, machineId, { supportSessions })
  const engineerId = (await help.get('/api/session')).body.account.id as string
  const sessions = () => events('support.session_')
  return { house, admin, ana, help, id: id as string, machineId, issued, report, tell, engineerId, sessions }
}

describe('a support session', () => {
  it('A7 stands in the tenant’s own trail: who, why, until when, and when it began and ended', async () => {
    const { id, machineId, issued, report, tell, engineerId, sessions } = await withSession()

    const reply = await tell(report('opened'), report('closed', { at: '2026-03-02T10:04:00Z' }))

    expect(reply.status).toBe(200)
    const known = { known: true, engineerId, reason: REASON, until: issued.body.validUntil, instanceId: machineId }
    expect(await sessions()).toMatchObject([
      {
        action: 'support.session_closed',
        actor: { kind: 'agent', id },
        target: id,
        detail: { ...known, at: '2026-03-02T10:04:00.000Z' },
      },
      { action: 'support.session_opened', actor: { kind: 'agent', id }, target: id, detail: { ...known, at: AT } },
    ])
  })

  it('A7 is recorded once however often it is told, also by two heartbeats at a time', async () => {
    const { report, tell, sessions, house } = await withSession()

    await Promise.all([tell(report('opened')), tell(report('opened'))])
    house.clock.advanceSeconds(30)
    await tell(report('opened'), report('closed'))
    const last = await tell(report('closed'), report('opened'))

    expect(last.status).toBe(200)
    expect((await sessions()).map(({ action }: { action: string }) => action)).toEqual([
      'support.session_closed',
      'support.session_opened',
    ])
  })

  it('A7 is recorded plainly as unknown where we never issued its certificate', async () => {
    const { report, tell, sessions } = await withSession()

    expect((await tell(report('opened', { serial: '18446744073709551615' }))).status).toBe(200)

    const [event] = await sessions()
    expect(event.detail).toEqual({
      requestId: expect.any(String),
      instanceId: expect.any(String),
      serial: '18446744073709551615',
      at: AT,
      known: false,
    })
  })

  it('A7 knows a certificate of another agent’s as little as none', async () => {
    const { house, ana, report, sessions } = await withSession()
    await ana.post('/api/agents', { name: 'B', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
    await house.settle()
    const [other] = (await ana.get('/api/agents')).body.agents
    expect(other.name).toBe('B')

    await beatAs(house, other.instance.id, { supportSessions: [report('opened')] })

    expect((await sessions()).map(({ target, detail }: any) => [target, detail.known])).toEqual([[other.id, false]])
  })

  it('A7 is told again when it could not be kept: the answer is 503, then all is there once', async () => {
    let isBroken = false
    const { report, tell, sessions, house } = await withSession({
      hook: async (call, proceed) => {
        if (isBroken && call.operation === 'TransactWriteItems')
          throw new AwsFault('InternalServerError', 'no', { statusCode: 500 })
        return proceed()
      },
    })
    isBroken = true
    const failed = await tell(report('opened'))
    isBroken = false
    house.clock.advanceSeconds(30)

    expect([failed.status, (await sessions()).length]).toEqual([503, 0])
    expect((await tell(report('opened'))).status).toBe(200)
    expect(await sessions()).toHaveLength(1)
  })

  it('A7 is heard from a machine that is to stop, or was cut off', async () => {
    const { house, ana, id, machineId, report, tell, sessions } = await withSession()
    await ana.post(`/api/agents/${id}/stop`)

    expect((await tell(report('opened'))).body).toMatchObject({ continue: false, support: { allowed: false } })
    expect(await sessions()).toHaveLength(1)
    const other = await withSession()
    const altered = { runtimeHash: 'f'.repeat(64), supportSessions: [other.report('opened')] }
    expect((await beatAs(other.house, other.machineId, altered)).body.continue).toBe(false)
    expect((await other.tell(other.report('closed'))).body.continue).toBe(false)
    expect(await other.sessions()).toHaveLength(2)
    expect(liveMachines(house)[0]?.id).toBe(machineId)
  })

  it('A7 is heard from an enrolled machine alone', async () => {
    const { house, machineId, report, tell, sessions } = await withSession()
    house.aws.database.run("UPDATE ddb_item SET item = json_remove(item, '$.enrolledAttempt') WHERE sk LIKE 'AGENT#%'")

    expect((await tell(report('opened'))).status).toBe(403)
    expect((await beatAs(house, `${machineId}0`, { supportSessions: [report('opened')] })).status).toBe(403)
    expect(await sessions()).toEqual([])
  })

  it.each([
    ['no digest as its id', { id: 'x' }],
    ['another word for what happened', { event: 'shared' }],
    ['a serial with more than digits', { serial: '1 OR 1' }],
    ['no time', { at: 'yesterday' }],
    ['something more', { note: 'hello' }],
  ])('A7 is refused with %s', async (_, more) => {
    const { report, tell, sessions } = await withSession()

    expect((await tell(report('opened', more))).status).toBe(400)
    expect(await sessions()).toEqual([])
  })

  it('leaves the agent to be found by its id, also where certificates were issued and sessions told', async () => {
    const { house, help, id, report, tell } = await withSession()
    await tell(report('opened'), report('closed'))

    const again = await help.post('/api/support/certificates', { agentId: id, publicKey: PUBLIC_KEY, reason: REASON })

    expect(again.status).toBe(201)
    expect((await house.deps.agents.findById(again.body.principal.replace('agent-', '')))?.agentId).toBe(id)
  })
})
