import type * as z from 'zod/mini'
import { type Agent, transition, withLookAt } from '../agents/agent.ts'
import { changeAgent } from '../agents/change-agent.ts'
import { STOPPED_OUTSIDE } from '../agents/failure-reasons.ts'
import type { AgentStatus } from '../contract/agents.ts'
import type { HeartbeatAnswer, HeartbeatInput, SupportSessionReport } from '../contract/instance.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { type EnrollFailure, identify, type IdentifyDeps, refuse } from './identify-instance.ts'
import { isAltered, quarantineAgent, type QuarantineDeps } from './quarantine-agent.ts'

export interface HeartbeatDeps extends IdentifyDeps, QuarantineDeps {
  /** Whom machines that allow support are to trust: lines for sshd's TrustedUserCAKeys. */
  trustedCas: () => Promise<string[]>
  recordSessions: (input: {
    agent: Pick<Agent, 'tenantId' | 'agentId' | 'instance'>
    reports: readonly SupportSessionReport[]
    requestId: string
  }) => Promise<void>
}

type Heartbeat = z.output<typeof HeartbeatInput> & { requestId: string }

/** An agent after its machine was heard, and whether it may go on. */
interface Heard {
  agent: Agent
  mayGoOn: boolean
}

/** A heartbeat that says nothing new is written down at most this often. */
const SEEN_SECONDS = 20

/** Whatever else its machine says: it is to finish, or finished. */
const ENDING: readonly AgentStatus[] = ['requested', 'stopping', 'deleting', 'failed']

/** Where nobody here asked a machine to stop, EC2's word that it had may be from before. */
const isToEnd = ({ status, reason }: Agent): boolean =>
  ENDING.includes(status) || (status === 'stopped' && reason?.code !== STOPPED_OUTSIDE.code)

const mayContinue = async (deps: HeartbeatDeps, agent: Agent): Promise<boolean> => {
  if (isToEnd(agent)) return false
  const tenant = await deps.tenants.read(agent.tenantId)
  return tenant?.status === 'active'
}

/** The row with what the machine said; what it left out stays as it was. */
const withHeard = (agent: Agent, { bootStep, runtimeHash, notices }: Heartbeat, now: Date): Agent => ({
  ...agent,
  lastSeenAt: now.toISOString(),
  bootStep: bootStep ?? agent.bootStep,
  runtimeHash,
  notices: notices === undefined ? agent.notices : [...new Set(notices)].toSorted(),
})

const becomeReady = async (deps: HeartbeatDeps, agent: Agent, input: Heartbeat): Promise<Heard> => {
  const now = deps.clock.now()
  const became = await changeAgent<{ reason: 'moved' }>(deps, { ...agent, known: agent }, (current) => {
    const ready = transition(withHeard(current, input, now), 'ready', now)
    if (current.enrolledAttempt !== agent.attempt || !ready.ok) return fail({ reason: 'moved' })
    return ok({
      agent: ready.value,
      event: {
        actor: { kind: 'agent', id: current.agentId },
        action: 'agent.ready',
        target: current.agentId,
        detail: { requestId: input.requestId, attempt: agent.attempt },
      },
    })
  })
  return became.ok ? { agent: became.value, mayGoOn: true } : { agent, mayGoOn: false }
}

/** A machine that talks while its row says that it is stopped is something to look at. */
const noteSeen = async (deps: HeartbeatDeps, agent: Agent, input: Heartbeat): Promise<void> => {
  const now = deps.clock.now()
  const seen = withHeard(agent, input, now)
  const quietSeconds = (now.getTime() - new Date(agent.lastSeenAt ?? 0).getTime()) / 1000
  const isNew =
    seen.bootStep !== agent.bootStep ||
    seen.runtimeHash !== agent.runtimeHash ||
    String(seen.notices ?? []) !== String(agent.notices ?? [])
  if (!isNew && quietSeconds < SEEN_SECONDS) return
  const isContrary = agent.status === 'stopped'
  await deps.agents.replace({ ...withLookAt(seen, now), ...(isContrary ? { lookAt: now.toISOString() } : {}) }, agent)
}

const hear = async (deps: HeartbeatDeps, agent: Agent, input: Heartbeat): Promise<Heard> => {
  if (isAltered(agent, input.runtimeHash)) {
    return { agent: await quarantineAgent(deps, agent, input), mayGoOn: false }
  }
  const mayGoOn = await mayContinue(deps, agent)
  if (agent.status === 'booting' && input.bootStep === 'ready' && mayGoOn) return becomeReady(deps, agent, input)
  await noteSeen(deps, agent, input)
  return { agent, mayGoOn }
}

const answerFor = async (deps: HeartbeatDeps, { agent, mayGoOn }: Heard): Promise<HeartbeatAnswer> => {
  const allowed = mayGoOn && agent.supportAccess
  return {
    continue: mayGoOn,
    ...(agent.secretVersionId === undefined ? {} : { credentialsVersion: agent.secretVersionId }),
    support: { allowed, trustedCas: allowed ? await deps.trustedCas() : [] },
  }
}

/**
 * Hears an enrolled machine: notes where it stands, makes the agent ready on its word, cuts off one that does not run what
 * it was given, writes down who was on it for support. Answers whether to go on, which credentials to run with, and whether
 * support may log in. A 200 means that all it told is kept.
 */
export const recordHeartbeat = async (
  deps: HeartbeatDeps,
  input: Heartbeat,
): Promise<Result<HeartbeatAnswer, EnrollFailure>> => {
  const identified = await identify(deps, input.proof, input.requestId)
  if (!identified.ok) return identified
  const { agent, owner, proof } = identified.value
  if (agent.enrolledAttempt !== owner.attempt) return refuse(deps, proof, owner, 'not_enrolled', input.requestId)
  const heard = await hear(deps, agent, input)
  const { supportSessions: reports = [], requestId } = input
  if (reports.length > 0) await deps.recordSessions({ agent, reports, requestId })
  return ok(await answerFor(deps, heard))
}
