import type * as z from 'zod/mini'
import type { AgentBody, SupportAgentBody } from '../contract/agents.ts'
import { type Agent, isSilent } from './agent.ts'

/** Pure: no I/O, no clock. The agent as its tenant may see it: every field named, so that no other can slip out. */
export const toAgentBody = (agent: Agent, now: Date): AgentBody => ({
  id: agent.agentId,
  name: agent.name,
  status: agent.status,
  ...(agent.reason === undefined ? {} : { reason: agent.reason }),
  supportAccess: agent.supportAccess,
  credentials: agent.credentials,
  ...(agent.instance === undefined
    ? {}
    : {
        instance: {
          id: agent.instance.id,
          type: agent.instance.type,
          zone: agent.instance.zone,
          launchedAt: agent.instance.launchedAt,
        },
      }),
  ...(agent.bootStep === undefined ? {} : { bootStep: agent.bootStep }),
  ...(agent.notices === undefined || agent.notices.length === 0 ? {} : { notices: agent.notices }),
  ...(agent.lastSeenAt === undefined ? {} : { lastSeenAt: agent.lastSeenAt }),
  ...(isSilent(agent, now) ? { unreachableSince: agent.lastSeenAt } : {}),
  ...(agent.isolatedAt === undefined ? {} : { isolatedAt: agent.isolatedAt }),
  timeline: agent.timeline,
  createdAt: agent.createdAt,
  updatedAt: agent.updatedAt,
})

export const toSupportAgentBody = (agent: Agent): z.input<typeof SupportAgentBody> => ({
  id: agent.agentId,
  tenantId: agent.tenantId,
  name: agent.name,
  status: agent.status,
  ...(agent.instance === undefined ? {} : { instanceId: agent.instance.id }),
  updatedAt: agent.updatedAt,
})
