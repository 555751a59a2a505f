import assert from 'node:assert/strict'
import type { Rig } from '../rig.ts'
import { onboard, PLANTED, reach, type RigAgent } from '../agents.ts'

export interface Agents {
  /** Supported, with every kind of credential. */
  ana: RigAgent
  /** Another tenant's, supported. */
  bob: RigAgent
  /** Ana's second: support was declined when it was onboarded. */
  closed: RigAgent
}

const ORDER = ['started', 'enrolled', 'credentials_read', 'agent_started', 'ready']

export const journey = async (rig: Rig): Promise<Agents> => {
  const { report, house } = rig
  report.chapter('From request to a ready machine')
  const [anaBrowser, bobBrowser] = [await house.join('ana@example.com'), await house.join('bob@example.com')]
  const startedAt = performance.now()
  const ana = await onboard(rig, anaBrowser, { name: 'Ana one', supportAccess: true, credentials: PLANTED })
  await report.check('the agent is ready, having shown each step of its boot in order', async () => {
    const steps = await reach(ana, 'ready')
    const seconds = (from: number): string => ((performance.now() - from) / 1000).toFixed(1)
    report.note(
      `ready ${seconds(startedAt)} s after the request, ${seconds(ana.machine().bootedAt)} s after its machine was switched on`,
    )
    assert.deepEqual(
      steps,
      ORDER.filter((step) => steps.includes(step)),
    )
    assert.ok(steps.includes('enrolled') && steps.includes('ready'), `seen: ${steps.join(', ')}`)
  })
  const { claudeCodeToken } = PLANTED
  const [bob, closed] = await Promise.all([
    onboard(rig, bobBrowser, { name: 'Bob one', supportAccess: true, credentials: { claudeCodeToken } }),
    onboard(rig, anaBrowser, { name: 'Ana closed', supportAccess: false, credentials: { claudeCodeToken } }),
  ])
  await report.check('two more come up side by side', () => Promise.all([reach(bob, 'ready'), reach(closed, 'ready')]))
  return { ana, bob, closed }
}
