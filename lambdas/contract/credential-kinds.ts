/** What a tenant may hand over, and how each kind is recognised. Pure and small: the web form uses it too. */
export const CREDENTIAL_KINDS = [
  'claudeCodeToken',
  'anthropicApiKey',
  'githubToken',
  'slackBotToken',
  'slackAppToken',
] as const

export type CredentialKind = (typeof CREDENTIAL_KINDS)[number]

/** An agent needs one of these to think. */
export const MODEL_CREDENTIAL_KINDS: readonly CredentialKind[] = ['claudeCodeToken', 'anthropicApiKey']

const PREFIXES: Record<CredentialKind, readonly string[]> = {
  claudeCodeToken: ['sk-ant-oat'],
  anthropicApiKey: ['sk-ant-api'],
  githubToken: ['ghp_', 'github_pat_'],
  slackBotToken: ['xoxb-'],
  slackAppToken: ['xapp-'],
}

const MIN_CHARACTERS_AFTER_PREFIX = 6

/** The kind a text looks like by its published prefix, or null. */
export const recogniseCredential = (text: string): CredentialKind | null =>
  CREDENTIAL_KINDS.find((kind) => PREFIXES[kind].some((prefix) => text.startsWith(prefix))) ?? null

/** Null when the text can be of that kind; else the rule it breaks, as the API names it. */
export const credentialRule = (kind: CredentialKind, text: string): string | null => {
  if (text === '') return 'required'
  const looksLike = recogniseCredential(text)
  if (looksLike !== null && looksLike !== kind) return `looks_like:${looksLike}`
  if (looksLike === null) return `not_a:${kind}`
  if (!/^[!-~]+$/.test(text)) return 'invalid_characters'
  const prefix = PREFIXES[kind].find((candidate) => text.startsWith(candidate)) ?? ''
  return text.length - prefix.length < MIN_CHARACTERS_AFTER_PREFIX ? 'too_short' : null
}
