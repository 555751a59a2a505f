import type { AgentBody, AgentStatus } from '../lambdas/contract/agents.ts'
import type { CredentialKind } from '../lambdas/contract/credential-kinds.ts'

/** What the product calls things in front of people. */

export const KIND_NAMES: Record<CredentialKind, string> = {
  claudeCodeToken: 'Claude Code token',
  anthropicApiKey: 'Anthropic API key',
  githubToken: 'GitHub token',
  slackBotToken: 'Slack bot token',
  slackAppToken: 'Slack app token',
}

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

export const statusSentence = ({ status, bootStep }: Pick<AgentBody, 'status' | 'bootStep'>): string =>
  (status === 'booting' ? BOOT_SENTENCES[bootStep ?? ''] : undefined) ?? STATUS_SENTENCES[status]

const PASSING: readonly AgentStatus[] = ['requested', 'launching', 'booting', 'stopping', 'starting', 'deleting']

export const isPassing = (status: AgentStatus): boolean => PASSING.includes(status)

const RULES: Record<string, string> = {
  required: 'Enter this.',
  too_short: 'This is too short.',
  too_long: 'This is too long.',
  not_an_email: 'Enter an e-mail address like name@example.com.',
  invalid_name: 'Use letters, digits, spaces, dots, dashes and underscores; begin and end with a letter or digit.',
  invalid_characters: 'This holds a character that cannot be part of it. Copy it again.',
  surrounding_space: 'Remove the space at the beginning or end.',
  model_credential_required: 'Give a Claude Code token or an Anthropic API key: the agent needs one to think.',
  contains_email: 'Do not use your e-mail address in the password.',
  contains_name: 'Do not build the password around your tenant’s name.',
  well_known: 'This is one of the passwords that are tried first. Choose another.',
}

/** A rule that an input broke, as a sentence. */
export const ruleSentence = (rule: string): string => {
  const [word = '', kind = ''] = rule.split(':')
  const known = Object.entries(KIND_NAMES).find(([name]) => name === kind)?.[1]
  if (word === 'looks_like' && known !== undefined) return `This looks like a ${known}: wrong field.`
  if (word === 'not_a' && known !== undefined) return `This does not look like a ${known}.`
  return RULES[rule] ?? 'Check this.'
}
