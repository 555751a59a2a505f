import { useState } from 'preact/hooks'
import { type CredentialKind, credentialRule, recogniseCredential } from '../../lambdas/contract/credential-kinds.ts'
import { KIND_NAMES, ruleSentence } from '../words.ts'
import { describedBy, Field } from './form.tsx'

const GUIDES: Record<CredentialKind, readonly string[]> = {
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

const hintFor = (kind: CredentialKind, text: string): { word: string; good: boolean } | null => {
  if (text === '') return null
  const seen = recogniseCredential(text)
  if (seen === null) return text.length < 12 ? null : { word: ruleSentence(`not_a:${kind}`), good: false }
  const rule = credentialRule(kind, text)
  if (rule === null) return { word: `This looks like a ${KIND_NAMES[kind]}.`, good: true }
  return rule === 'too_short' ? null : { word: ruleSentence(rule), good: false }
}

/** A field for a token: says where to get it, recognises what was pasted, hides it when left. Its text is kept by nobody. */
export const SecretField = ({
  kind,
  name = kind,
  error,
  optional,
}: {
  kind: CredentialKind
  name?: string
  error?: string
  optional?: string
}) => {
  const [hint, setHint] = useState<{ word: string; good: boolean } | null>(null)
  return (
    <Field
      name={name}
      label={`${KIND_NAMES[kind]}${optional === undefined ? '' : ` (${optional})`}`}
      error={error}
      help={
        <details>
          <summary>Where to get it</summary>
          <ol>
            {GUIDES[kind].map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        </details>
      }
    >
      <input
        id={name}
        name={name}
        class="secret"
        type="text"
        autocomplete="off"
        autocapitalize="none"
        spellcheck={false}
        data-1p-ignore
        data-lpignore="true"
        data-bwignore
        aria-invalid={error !== undefined}
        aria-describedby={describedBy(name, error, true)}
        onInput={(event) => setHint(hintFor(kind, event.currentTarget.value.trim()))}
      />
      <p class={hint?.good === true ? 'good' : 'hint'} role="status">
        {hint?.word}
      </p>
    </Field>
  )
}
