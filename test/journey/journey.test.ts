import { describe, expect, it } from 'vitest'
import { createHarness, CREDENTIALS, PASSWORD } from '../support/harness.ts'

describe('the journey', () => {
  it('goes from the first admin to a deleted agent and a trail that tells it all', async () => {
    const house = await createHarness()
    const admin = await house.joinAsAdmin()
    const { code } = await house.invite(admin, { email: 'ada@example.com', tenantName: 'Analytical Engines' })
    const ada = house.browse({ address: '203.0.113.20' })

    const inspected = await ada.post('/api/invites/inspect', { invite: code })
    expect(inspected.body).toMatchObject({
      state: 'pending',
      email: 'ada@example.com',
      tenantName: 'Analytical Engines',
    })
    const joined = await ada.post('/api/signup', { invite: code, email: 'ada@example.com', password: PASSWORD })
    expect(joined.status).toBe(201)

    const { slackAppToken, ...given } = CREDENTIALS
    const onboarded = await ada.post(
      '/api/agents',
      { name: 'Babbage', credentials: given },
      { 'idempotency-key': 'k1' },
    )
    expect(onboarded.status).toBe(202)
    const { id } = onboarded.body.agent
    expect(onboarded.body.agent.credentials.githubToken.provided).toBe(true)
    expect(onboarded.body.agent.credentials.slackAppToken.provided).toBe(false)

    await house.settle()
    const ready = await ada.get(`/api/agents/${id}`)
    expect(ready.body.agent.timeline.map((entry: { status: string }) => entry.status)).toEqual([
      'requested',
      'launching',
      'booting',
      'ready',
    ])

    const patched = await ada.patch(`/api/agents/${id}/credentials`, { slackAppToken })
    expect(patched.status).toBe(200)
    expect(
      Object.values<{ provided: boolean }>(patched.body.agent.credentials).filter((state) => state.provided),
    ).toHaveLength(4)

    const closing = ada.put(`/api/agents/${id}/support-access`, { enabled: false })
    const worked = (async () => {
      for (let turn = 0; turn < 20; turn += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        await house.work()
      }
    })()
    expect((await closing).body.agent.supportAccess).toBe(false)
    await worked

    expect((await ada.post(`/api/agents/${id}/stop`)).status).toBe(202)
    await house.settle(6)
    expect((await ada.get(`/api/agents/${id}`)).body.agent.status).toBe('stopped')
    expect((await ada.post(`/api/agents/${id}/start`)).status).toBe(202)
    await house.settle(20)
    expect((await ada.get(`/api/agents/${id}`)).body.agent.status).toBe('ready')
    expect((await ada.del(`/api/agents/${id}`)).status).toBe(202)
    await house.settle(6)
    expect((await ada.get(`/api/agents/${id}`)).body.agent.status).toBe('deleted')
    expect((await ada.get('/api/agents')).body.agents).toEqual([])

    const trail = await ada.get('/api/audit?limit=100')
    const actions = trail.body.events.map((event: { action: string }) => event.action).toReversed()
    expect(actions).toEqual([
      'invite.redeemed',
      'agent.onboarded',
      'agent.launching',
      'agent.booting',
      'agent.enrolled',
      'agent.ready',
      'agent.credentials_changed',
      'agent.support_access_off',
      'agent.stop_requested',
      'agent.stopped',
      'agent.start_requested',
      'agent.booting',
      'agent.ready',
      'agent.delete_requested',
      'agent.deleted',
    ])
    expect((await ada.post('/api/logout')).status).toBe(204)
    expect((await ada.get('/api/agents')).status).toBe(401)
  })
})
