import { type Browser, type Reply } from '../test/support/browser.ts'
import { eventually } from './eventually.ts'
import type { Machine } from './machine.ts'
import type { Rig } from './rig.ts'

/** Invented values of the right shape, each to be found nowhere but where it must be. */
export const PLANTED = {
  claudeCodeToken: 'sk-ant-oat01-PlantedInTheRig0Zq8vK2mW9xR4tB7n',
  githubToken: 'ghp_PlantedInTheRig0Hh3jT6yU1iO9pL4kZ',
  slackBotToken: 'xoxb-PlantedInTheRig0-Ww5eD8cV2fG7hN1m',
  slackAppToken: 'xapp-1-PlantedInTheRig0-Qq4rS7aX9zC3vB6n',
}

export const must = (reply: Reply, status: number, what: string): any => {
  if (reply.status !== status) throw new Error(`${what} answered ${reply.status}: ${reply.text}`)
  return reply.body
}

/** An agent of a tenant, and the machine that runs it now. */
export interface RigAgent {
  id: string
  tenant: Browser
  machine: () => Machine
}

export const readAgent = async ({ tenant, id }: Pick<RigAgent, 'tenant' | 'id'>): Promise<any> =>
  must(await tenant.get(`/api/agents/${id}`), 200, 'read an agent').agent

/** Hands over credentials as the site does. Its machine comes up by itself. */
export const onboard = async (
  { hypervisor }: Rig,
  tenant: Browser,
  input: { name: string; supportAccess: boolean; credentials: Record<string, string> },
): Promise<RigAgent> => {
  const { agent } = must(await tenant.post('/api/agents', input), 202, 'onboarding')
  const id: string = agent.id
  const machineId = await eventually(`${input.name} has a machine`, 20, async () => {
    const { instance } = await readAgent({ tenant, id })
    return instance === undefined ? null : String(instance.id)
  })
  return { id, tenant, machine: () => hypervisor.machine(machineId) }
}

/** Waits for a status. Returns the boot steps that were seen on the way. */
export const reach = async (agent: RigAgent, status: string, seconds = 60): Promise<string[]> => {
  const steps: string[] = []
  await eventually(`${agent.id} is ${status}`, seconds, async () => {
    const { status: now, bootStep } = await readAgent(agent)
    if (bootStep !== undefined && steps.at(-1) !== bootStep) steps.push(bootStep)
    if (now === 'failed' && status !== 'failed') throw new Error('it failed')
    return now === status
  })
  return steps
}

/** Everything in the trail of a tenant, the newest first. */
export const readTrail = async (tenant: Browser): Promise<any[]> => {
  const events: any[] = []
  let cursor = ''
  do {
    const page = must(await tenant.get(`/api/audit${cursor}`), 200, 'the trail')
    events.push(...page.events)
    cursor = page.nextCursor === undefined ? '' : `?cursor=${encodeURIComponent(page.nextCursor)}`
  } while (cursor !== '')
  return events
}
