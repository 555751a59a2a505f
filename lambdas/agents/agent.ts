import type { AgentReason, AgentStatus } from '../contract/agents.ts'
import { CREDENTIAL_KINDS, type CredentialKind } from '../contract/credential-kinds.ts'
import { PASSING_STATE_SECONDS, SILENCE_SECONDS, WORKER_SECONDS } from '../contract/facts.ts'
import type { AgentId, TenantId } from '../contract/ids.ts'
import type { AgentNotice } from '../contract/instance.ts'
import { addSeconds } from '../core/clock.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { isQuarantined } from './failure-reasons.ts'

/** Pure: no I/O, no clock. Instants of an agent are ISO 8601 text, as they are stored and shown. */

export interface CredentialState {
  provided: boolean
  updatedAt?: string
  updatedBy?: string
}

export interface AgentInstance {
  id: string
  arn: string
  type: string
  zone: string
  launchedAt: string
}

/** A merge that was begun: enough for the reconciler to finish its record when nobody else did. */
export interface PendingMerge {
  kinds: CredentialKind[]
  by: string
  at: string
  requestId: string
}

export interface Agent {
  agentId: AgentId
  tenantId: TenantId
  name: string
  status: AgentStatus
  reason?: AgentReason
  /** The tenant's choice, and whether the instance's security groups follow it yet. */
  supportAccess: boolean
  supportPathOpen: boolean
  /** While the path is open on the row but nobody knows yet that the groups are set. */
  supportPathPending?: boolean
  credentials: Record<CredentialKind, CredentialState>
  secretVersionId?: string
  /** The newest version of the secret that this row knows, and where today's count of writes began. */
  secretRevision: number
  writeWindow: { startedAt: string; startRevision: number }
  pendingMerges: Record<string, PendingMerge>
  /** Number of the current launch attempt; 0 before the first. */
  attempt: number
  /** The attempt that the current request began with: each subnet gets one turn per request. */
  roundStartAttempt: number
  instance?: AgentInstance
  enrolledAttempt?: number
  bootStep?: string
  /** The release that the current attempt's machine was told to install; none where an older version launched it. */
  release?: string
  /** The release that the machine says it has. */
  runtimeHash?: string
  /** What the machine says that the agent has to do without. */
  notices?: AgentNotice[]
  lastSeenAt?: string
  timeline: { status: AgentStatus; at: string }[]
  createdAt: string
  updatedAt: string
  /** When a request for a machine was got to that could not be met at once. Its deadline counts from there. */
  turnAt?: string
  /** True when nothing of a failed agent's machine is left. */
  cleared?: boolean
  /** When a quarantined agent's machine was cut off; until then that is still owed. */
  isolatedAt?: string
  /** From when on the reconciler looks at this agent: at once while it passes or owes work, later while it runs. */
  lookAt?: string
  version: number
}

const TIMELINE_LENGTH = 60

const NEXT: Record<AgentStatus, readonly AgentStatus[]> = {
  requested: ['launching', 'failed', 'deleting'],
  launching: ['booting', 'failed', 'deleting'],
  booting: ['ready', 'stopping', 'stopped', 'failed', 'deleting'],
  ready: ['stopping', 'stopped', 'failed', 'deleting'],
  stopping: ['stopped', 'failed', 'deleting'],
  stopped: ['starting', 'booting', 'failed', 'deleting'],
  starting: ['booting', 'stopping', 'stopped', 'failed', 'deleting'],
  deleting: ['deleted'],
  deleted: [],
  failed: ['requested', 'deleting'],
}

export type WrongState = { reason: 'wrong_state'; status: AgentStatus }

const isPassing = (status: AgentStatus): status is keyof typeof PASSING_STATE_SECONDS => status in PASSING_STATE_SECONDS

/** When an agent came into the state that it is in. */
export const enteredAt = (agent: Agent): string =>
  agent.timeline.findLast((entry) => entry.status === agent.status)?.at ?? agent.updatedAt

/** True while all that an agent lacks is its turn in the line for machines. */
export const waitsForTurn = ({ status, secretVersionId, turnAt }: Agent): boolean =>
  status === 'requested' && secretVersionId !== undefined && turnAt === undefined

/** When the passing state that an agent is in must have ended, or null when it is at rest or in the line for machines. */
export const deadlineOf = (agent: Agent): Date | null =>
  isPassing(agent.status) && !waitsForTurn(agent)
    ? addSeconds(new Date(agent.turnAt ?? enteredAt(agent)), PASSING_STATE_SECONDS[agent.status])
    : null

/** True for an agent that only the launch queue need look at: it waits for its turn and owes nothing else. */
export const isInLine = (agent: Agent): boolean => waitsForTurn(agent) && Object.keys(agent.pendingMerges).length === 0

/** Whether the machine's groups are known to be what the tenant chose. */
export const followsSupportChoice = ({ supportAccess, supportPathOpen, supportPathPending }: Agent): boolean =>
  supportPathOpen === supportAccess && !(supportPathOpen && supportPathPending === true)

const owesWork = (agent: Agent): boolean => {
  if (Object.keys(agent.pendingMerges).length > 0) return true
  if (isQuarantined(agent)) return agent.isolatedAt === undefined
  if (agent.status === 'failed') return agent.attempt > 0 && agent.cleared !== true
  return agent.instance !== undefined && !followsSupportChoice(agent)
}

/** A running agent that has not been heard for as long as it takes to worry. */
export const isSilent = ({ status, lastSeenAt }: Pick<Agent, 'status' | 'lastSeenAt'>, now: Date): boolean =>
  status === 'ready' && lastSeenAt !== undefined && now >= addSeconds(new Date(lastSeenAt), SILENCE_SECONDS)

/**
 * Says when to look at an agent next: now while something is due, after a silence while it runs, never at rest. In the line
 * for machines it is the place in that line, and in a launch the time when whoever began it must have ended.
 */
export const withLookAt = (agent: Agent, now: Date): Agent => {
  const { lookAt: _, ...rest } = agent
  if (agent.status === 'deleted') return rest
  if (isInLine(agent)) return { ...rest, lookAt: enteredAt(agent) }
  if (agent.status === 'launching') return { ...rest, lookAt: addSeconds(now, WORKER_SECONDS).toISOString() }
  if (isPassing(agent.status) || owesWork(agent)) return { ...rest, lookAt: now.toISOString() }
  if (agent.status !== 'ready') return rest
  const silentFrom = new Date(Math.max(now.getTime(), new Date(agent.lastSeenAt ?? 0).getTime()))
  return { ...rest, lookAt: addSeconds(silentFrom, SILENCE_SECONDS).toISOString() }
}

/** Moves an agent to another state along an edge that exists; every other edge is refused. */
export const transition = (
  agent: Agent,
  to: AgentStatus,
  now: Date,
  reason?: AgentReason,
): Result<Agent, WrongState> => {
  if (!NEXT[agent.status].includes(to)) return fail({ reason: 'wrong_state', status: agent.status })
  const at = now.toISOString()
  const { reason: _, cleared: __, turnAt: ___, isolatedAt: ____, ...rest } = agent
  const moved: Agent = {
    ...rest,
    ...(reason === undefined ? {} : { reason }),
    status: to,
    updatedAt: at,
    timeline: [...agent.timeline, { status: to, at }].slice(-TIMELINE_LENGTH),
  }
  return ok(withLookAt(moved, now))
}

export const credentialStates = (
  provided: ReadonlySet<string>,
  previous: Agent['credentials'] | null,
  touched: readonly CredentialKind[],
  by: string,
  at: string,
): Agent['credentials'] => {
  const stateOf = (kind: CredentialKind): CredentialState => {
    const was = previous?.[kind]
    const isProvided = provided.has(kind)
    if (touched.includes(kind)) return { provided: isProvided, updatedAt: at, updatedBy: by }
    return { ...was, provided: isProvided }
  }
  return {
    claudeCodeToken: stateOf('claudeCodeToken'),
    anthropicApiKey: stateOf('anthropicApiKey'),
    githubToken: stateOf('githubToken'),
    slackBotToken: stateOf('slackBotToken'),
    slackAppToken: stateOf('slackAppToken'),
  }
}

/** Which kinds a row says are stored. */
export const providedKinds = (agent: Agent): CredentialKind[] =>
  CREDENTIAL_KINDS.filter((kind) => agent.credentials[kind].provided)
