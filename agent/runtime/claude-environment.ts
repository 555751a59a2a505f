import type { Credentials } from './credentials-file.ts'

/** Answers git's question for a password from the environment, so that the token is never written down (gitcredentials(7)). */
const CREDENTIAL_HELPER = `!f() { test "$1" = get && printf 'username=x-access-token\\npassword=%s\\n' "$GH_TOKEN"; }; f`

/** Configuration for every git below this process, in variables alone; the empty helper drops any that a file may name (git-config(1)). */
const gitConfiguration = {
  GIT_CONFIG_COUNT: '2',
  GIT_CONFIG_KEY_0: 'credential.helper',
  GIT_CONFIG_VALUE_0: '',
  GIT_CONFIG_KEY_1: 'credential.https://github.com.helper',
  GIT_CONFIG_VALUE_1: CREDENTIAL_HELPER,
}

const modelCredential = ({ claudeCodeToken, anthropicApiKey }: Credentials): Record<string, string> | null => {
  if (claudeCodeToken !== undefined) return { CLAUDE_CODE_OAUTH_TOKEN: claudeCodeToken.reveal() }
  if (anthropicApiKey !== undefined) return { ANTHROPIC_API_KEY: anthropicApiKey.reveal() }
  return null
}

/**
 * All that Claude Code and what it starts can see of us, or null when there is no credential to think with. The tenant's own Claude
 * Code token goes before a key that is paid by use; only one is given, because the key would win.
 */
export const createClaudeEnvironment = (
  credentials: Credentials,
  { path, home }: { path: string; home: string },
): Record<string, string> | null => {
  const model = modelCredential(credentials)
  if (model === null) return null
  const { githubToken } = credentials
  return {
    PATH: path,
    HOME: home,
    LANG: 'C.UTF-8',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    GIT_TERMINAL_PROMPT: '0',
    GH_PROMPT_DISABLED: '1',
    GH_NO_UPDATE_NOTIFIER: '1',
    ...model,
    ...(githubToken === undefined ? {} : { GH_TOKEN: githubToken.reveal(), ...gitConfiguration }),
  }
}
