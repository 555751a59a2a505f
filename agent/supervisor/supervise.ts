import type { BootStep, HeartbeatAnswer } from '../../lambdas/contract/instance.ts'
import type { Clock } from '../../lambdas/core/clock.ts'
import type { Logger } from '../../lambdas/core/logger.ts'
import type { CallFailure, ControlPlane } from './control-plane.ts'
import type { Credentials } from './credentials-file.ts'
import type { AgentStatus } from './machine.ts'
import type { SupportAccess } from './support-access.ts'

/** What the supervisor does on its machine, so that tests can stand in for a machine. */
export interface MachineParts {
  controlPlane: ControlPlane
  readCredentials: () => Promise<{ versionId: string; credentials: Credentials } | null>
  credentialsFile: { write: (credentials: Credentials) => Promise<void>; forget: () => Promise<void> }
  readRelease: () => Promise<string>
  forbidMetadata: () => Promise<void>
  agent: {
    start: () => Promise<void>
    /** Asks it to finish; does not wait. */
    drain: () => Promise<void>
    isRunning: () => Promise<boolean>
    readStatus: () => Promise<AgentStatus | null>
  }
  support: SupportAccess
  /** Whether this machine was let in before: noted on its disk, so that a restart does not ask again. */
  enrolment: { isNoted: () => Promise<boolean>; note: () => Promise<void> }
  clock: Clock
  logger: Logger
}

const BEAT_SECONDS = 30
const BOOTING_SECONDS = 2
const RETRY_SECONDS = 10
const MAX_REFUSED_SECONDS = 60
/** Support is let in on the control plane's word, and no longer than that word is fresh. */
const SUPPORT_WORD_SECONDS = 45

/**
 * Looks after one agent: proves which machine this is, reads its credentials, runs it, says that it is alive, and does what it
 * is told. `step` does one round and says in how many seconds the next is due. It keeps nothing that a restart would miss.
 */
export const createSupervisor = (parts: MachineParts) => {
  const { controlPlane, agent, support, clock, logger } = parts
  let beatSeconds = BEAT_SECONDS
  let heldVersion: string | null = null
  let wasReady = false
  let answeredAt: Date | null = null
  let refusals = 0

  const reachedStep = async (status: AgentStatus | null): Promise<BootStep> => {
    if (wasReady) return 'ready'
    if (heldVersion === null) return 'enrolled'
    if (!(await agent.isRunning())) return 'credentials_read'
    wasReady = status?.ready === true
    return wasReady ? 'ready' : 'agent_started'
  }

  const followCredentials = async (wanted: string | undefined): Promise<void> => {
    if (wanted === undefined || wanted === heldVersion) return
    const read = await parts.readCredentials()
    if (read === null) {
      logger.info('the secret is not open to this machine yet')
      return
    }
    await parts.credentialsFile.write(read.credentials)
    heldVersion = read.versionId
    logger.info('credentials were read')
  }

  const follow = async (answer: HeartbeatAnswer): Promise<void> => {
    const letsIn = answer.support.allowed && answer.support.trustedCas.length > 0
    if (!letsIn) await support.forbid()
    if (answer.continue) {
      await followCredentials(answer.credentialsVersion)
      if (heldVersion !== null && !(await agent.isRunning())) await agent.start()
    } else {
      await agent.drain()
    }
    if (letsIn) await support.allow(answer.support.trustedCas)
  }

  /** The control plane let this machine in before and does so no more: another has its place, or the agent is no more. */
  const standDown = async (): Promise<void> => {
    await support.forbid()
    await agent.drain()
    await parts.credentialsFile.forget()
    heldVersion = null
    wasReady = false
  }

  const endStaleSupport = async (): Promise<void> => {
    const silentSeconds = answeredAt === null ? Infinity : (clock.now().getTime() - answeredAt.getTime()) / 1000
    if (silentSeconds > SUPPORT_WORD_SECONDS) await support.forbid()
  }

  const onFailure = async ({ reason, because }: CallFailure): Promise<number> => {
    logger.warn('the control plane did not take a heartbeat', { reason, errorName: because })
    if (reason === 'unreachable') {
      await endStaleSupport()
      return RETRY_SECONDS
    }
    if (answeredAt !== null) await standDown()
    refusals += 1
    await enroll()
    return Math.min(MAX_REFUSED_SECONDS, 2 ** refusals)
  }

  /** Refused: the launch may not be written down yet, or the answer to an earlier try was lost. The next heartbeat tells. */
  const enroll = async (): Promise<void> => {
    const enrolled = await controlPlane.enroll()
    if (enrolled.ok) {
      beatSeconds = enrolled.value.heartbeatSeconds
      await parts.enrolment.note()
    } else {
      logger.warn('not enrolled', { reason: enrolled.failure.reason, errorName: enrolled.failure.because })
    }
  }

  const round = async (): Promise<number> => {
    if (answeredAt === null && refusals === 0 && !(await parts.enrolment.isNoted())) await enroll()
    const status = await agent.readStatus()
    const bootStep = await reachedStep(status)
    const { reports, memory } = await support.readNews()
    const answer = await controlPlane.heartbeat({
      bootStep,
      runtimeHash: await parts.readRelease(),
      ...(status === null ? {} : { notices: status.notices }),
      ...(reports.length === 0 ? {} : { supportSessions: reports }),
    })
    if (!answer.ok) return onFailure(answer.failure)
    answeredAt = clock.now()
    refusals = 0
    await support.remember(memory)
    await follow(answer.value)
    return bootStep === 'ready' || !answer.value.continue ? beatSeconds : BOOTING_SECONDS
  }

  return {
    step: async (): Promise<number> => {
      try {
        await parts.forbidMetadata()
      } catch (error) {
        // Whoever is not root could take the machine's own credentials: nobody else may run.
        await support.forbid()
        await agent.drain()
        throw error
      }
      try {
        return await round()
      } catch (error) {
        await endStaleSupport()
        throw error
      }
    },
  }
}
