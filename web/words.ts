import type { CredentialKind } from '../lambdas/contract/credential-kinds.ts'
import type { AgentNotice } from '../lambdas/contract/instance.ts'

/** What the product calls things in front of people. */

export const KIND_NAMES: Record<CredentialKind, string> = {
  claudeCodeToken: 'Claude Code token',
  anthropicApiKey: 'Anthropic API key',
  githubToken: 'GitHub token',
  slackBotToken: 'Slack bot token',
  slackAppToken: 'Slack app token',
}

export const isKind = (text: string): text is CredentialKind => text in KIND_NAMES

export const KINDS = Object.keys(KIND_NAMES).filter(isKind)

/** What an agent may have to do without, and what to do about it. */
export const NOTICE_WORDS: Record<AgentNotice, { message: string; nextStep: string }> = {
  claude_missing: {
    message: 'Claude Code is not on its machine, so it cannot answer anybody.',
    nextStep:
      'Ask your admin: what machines are given has to hold it. After that, delete this agent and onboard it anew.',
  },
  git_missing: {
    message: 'git is not on its machine, so it cannot fetch or send code.',
    nextStep: 'Ask your admin: what machines are given has to hold it.',
  },
  gh_missing: {
    message: 'GitHub’s command gh is not on its machine: it can work with code, but not with issues and pull requests.',
    nextStep: 'Ask your admin: what machines are given has to hold it.',
  },
  slack_refused: {
    message: 'Slack refused its tokens, so nobody can talk to it there.',
    nextStep:
      'See in Slack that the app is installed and that Socket Mode is on, then replace the Slack bot token and the Slack app token below.',
  },
}

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
  ed25519_or_ecdsa_p256: 'Paste one line of an Ed25519 or ECDSA P-256 public key, as ssh-keygen writes it.',
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
