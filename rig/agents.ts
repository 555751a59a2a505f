import type * as z from 'zod/mini'
import { AgentAnswer, type AgentBody } from '../lambdas/contract/agents.ts'
import { AuditPage } from '../lambdas/contract/audit.ts'
import { AgentId, TenantId } from '../lambdas/contract/ids.ts'
import { agentSecretName } from '../lambdas/contract/names.ts'
import { LOCAL_STAGE } from '../local/installation.ts'
import { type Browser, must } from '../test/support/browser.ts'
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

/** An agent of a tenant, and the machine that runs it now. */
export interface RigAgent {
  id: string
  tenant: Browser
  machine: () => Machine
}

export const readAgent = async ({ tenant, id }: Pick<RigAgent, 'tenant' | 'id'>): Promise<AgentBody> =>
  AgentAnswer.parse(must(await tenant.get(`/api/agents/${id}`), 200, 'read an agent')).agent

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
    return instance === undefined ? null : instance.id
  })
  return { id, tenant, machine: () => hypervisor.machine(machineId) }
}

/** The name of the one secret that holds its credentials. */
export const secretIdOf = async ({ tenant: browser, id }: RigAgent): Promise<string> => {
  const { tenant } = must(await browser.get('/api/session'), 200, 'who am I')
  return agentSecretName(LOCAL_STAGE, TenantId.parse(tenant.id), AgentId.parse(id))
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

export type TrailEvent = z.infer<typeof AuditPage>['events'][number]

/** Everything in the trail of a tenant, the newest first. */
export const readTrail = async (tenant: Browser): Promise<TrailEvent[]> => {
  const events: TrailEvent[] = []
  let cursor = ''
  do {
    const page = AuditPage.parse(must(await tenant.get(`/api/audit${cursor}`), 200, 'the trail'))
    events.push(...page.events)
    cursor = page.nextCursor === undefined ? '' : `?cursor=${encodeURIComponent(page.nextCursor)}`
  } while (cursor !== '')
  return events
}
