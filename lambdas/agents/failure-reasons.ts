import type { AgentReason, AgentStatus } from '../contract/agents.ts'

/** Why an agent is where it did not want to be, in a tenant's words, each with what to do next. */
export const FAILURE_REASONS = {
  onboarding_interrupted: {
    message: 'Setting up was interrupted before your credentials were stored.',
    nextStep: 'Add the credentials on this page, then choose Try again.',
  },
  launch_timed_out: {
    message: 'No machine was started in time.',
    nextStep: 'Choose Try again. Your credentials are kept.',
  },
  no_capacity: {
    message: 'AWS has no machine of this size free in any of our zones right now.',
    nextStep: 'Wait a few minutes, then choose Try again. Your credentials are kept.',
  },
  launch_refused: {
    message: 'AWS refused to start the machine.',
    nextStep: 'Ask your admin to look at the provisioner log, then choose Try again.',
  },
  boot_timed_out: {
    message: 'The machine started but the agent on it never reported ready.',
    nextStep: 'Choose Try again for a fresh machine. If it happens twice, ask support for help.',
  },
  instance_lost: {
    message: 'The machine was terminated from outside.',
    nextStep: 'Choose Try again for a fresh machine. Your credentials are kept.',
  },
  stop_timed_out: {
    message: 'The machine did not stop in time.',
    nextStep: 'Choose Try again for a fresh machine, or delete the agent.',
  },
  start_timed_out: {
    message: 'The machine did not start in time.',
    nextStep: 'Choose Try again for a fresh machine. Your credentials are kept.',
  },
  quarantined: {
    message: 'The software on the machine is not what we put there, so we cut the machine off.',
    nextStep:
      'Replace this agent’s tokens where you made them (Anthropic, GitHub, Slack) and here. Then choose Try again for a fresh machine, or delete the agent. Until then the machine is kept, so that it can be looked at.',
  },
} as const satisfies Record<string, { message: string; nextStep: string }>

export type FailureCode = keyof typeof FAILURE_REASONS

/** Cut off because its machine did not run what it was given. */
export const isQuarantined = ({ status, reason }: { status: AgentStatus; reason?: AgentReason }): boolean =>
  status === 'failed' && reason?.code === ('quarantined' satisfies FailureCode)

export const failureReason = (code: FailureCode): AgentReason => ({ code, ...FAILURE_REASONS[code] })

/** Not a failure, but worth a word: the agent stopped and nobody here asked it to. */
export const STOPPED_OUTSIDE: AgentReason = {
  code: 'stopped_outside',
  message: 'The machine was stopped from outside.',
  nextStep: 'Choose Start to run it again.',
}
