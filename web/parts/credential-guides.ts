import type { CredentialKind } from '../../lambdas/contract/credential-kinds.ts'

/** Where each kind is to be had, with the least that it needs to be allowed. */
export const GUIDES: Record<CredentialKind, readonly string[]> = {
  claudeCodeToken: [
    'On your own computer, run: claude setup-token',
    'Sign in with the Claude account that the agent should use.',
    'Copy the token; it begins with sk-ant-oat.',
  ],
  anthropicApiKey: [
    'Open the Anthropic Console and go to API keys.',
    'Create a key for this agent alone, so that you can revoke it alone.',
    'Copy the key; it begins with sk-ant-api.',
  ],
  githubToken: [
    'On GitHub, open Settings, Developer settings, Fine-grained tokens.',
    'Choose only the repositories that the agent may work on.',
    'Allow Contents and Pull requests: read and write. Nothing more is needed.',
    'Copy the token; it begins with github_pat_ (or ghp_ for a classic one).',
  ],
  slackBotToken: [
    'Create a Slack app for the agent and turn on Socket Mode.',
    'Give the bot app_mentions:read, chat:write and im:history, then install it.',
    'Under OAuth & Permissions copy the bot token; it begins with xoxb-.',
  ],
  slackAppToken: [
    'In the same Slack app, open Basic Information, App-Level Tokens.',
    'Generate one with the scope connections:write.',
    'Copy it; it begins with xapp-.',
  ],
}
