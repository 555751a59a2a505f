import type { AgentBody, AgentStatus } from '../lambdas/contract/agents.ts'

/** How the states of an agent read. */

export const STATUS_WORDS: Record<AgentStatus, string> = {
  requested: 'Requested',
  launching: 'Starting a machine',
  booting: 'Machine is booting',
  ready: 'Ready',
  stopping: 'Stopping',
  stopped: 'Stopped',
  starting: 'Starting',
  deleting: 'Deleting',
  deleted: 'Deleted',
  failed: 'Failed',
}

const UNREACHABLE_WORD = 'Unreachable'
const QUARANTINED_WORD = 'Quarantined'
const UNREACHABLE_SENTENCE =
  'The machine has not been heard for three minutes. It may come back by itself; if it does not, stop and start it.'

const STATUS_SENTENCES: Record<AgentStatus, string> = {
  requested: 'Your request is stored. A machine will be asked for next.',
  launching: 'We asked AWS for a machine of your own.',
  booting: 'The machine is up and is setting itself up.',
  ready: 'The agent said that it is ready.',
  stopping: 'The machine is shutting down. Its data stays.',
  stopped: 'The machine is off. Its data and credentials stay.',
  starting: 'The machine is being switched on again.',
  deleting: 'The machine and its secret are being removed.',
  deleted: 'The machine is gone and the secret is scheduled for deletion.',
  failed: 'It did not get where it should.',
}

const BOOT_SENTENCES: Record<string, string> = {
  started: 'The machine is up.',
  enrolled: 'The machine proved which one it is.',
  credentials_read: 'The machine read its own credentials.',
  agent_started: 'The agent process is running.',
  ready: 'The agent said that it is ready.',
}

export const statusSentence = ({
  status,
  bootStep,
  unreachableSince,
}: Pick<AgentBody, 'status' | 'bootStep' | 'unreachableSince'>): string =>
  unreachableSince !== undefined
    ? UNREACHABLE_SENTENCE
    : ((status === 'booting' ? BOOT_SENTENCES[bootStep ?? ''] : undefined) ?? STATUS_SENTENCES[status])

const PASSING: readonly AgentStatus[] = ['requested', 'launching', 'booting', 'stopping', 'starting', 'deleting']

export const isPassing = (status: AgentStatus): boolean => PASSING.includes(status)

/** Whether its machine is there to be used. */
export const isUp = (status: AgentStatus): boolean => status === 'booting' || status === 'ready'

/** Cut off because its machine did not run what it was given. */
export const isQuarantined = ({ status, reason }: Pick<AgentBody, 'status' | 'reason'>): boolean =>
  status === 'failed' && reason?.code === 'quarantined'

/** Whether what is shown of an agent will change by itself soon. */
export const isMoving = (agent: Pick<AgentBody, 'status' | 'reason' | 'isolatedAt'>): boolean =>
  isPassing(agent.status) || (isQuarantined(agent) && agent.isolatedAt === undefined)

/** The state of an agent in a word or two. */
export const stateWords = (agent: Pick<AgentBody, 'status' | 'reason' | 'unreachableSince'>): string => {
  if (agent.unreachableSince !== undefined) return UNREACHABLE_WORD
  return isQuarantined(agent) ? QUARANTINED_WORD : STATUS_WORDS[agent.status]
}
