import { useLayoutEffect, useState } from 'preact/hooks'
import { AGENT_NAME_PATTERN } from '../../lambdas/contract/agent-name.ts'
import {
  CREDENTIAL_KINDS,
  type CredentialKind,
  credentialRule,
  MODEL_CREDENTIAL_KINDS,
} from '../../lambdas/contract/credential-kinds.ts'
import { type ApiError, call } from '../api.ts'
import { useApp } from '../parts/app-state.tsx'
import { PageTitle } from '../parts/common.tsx'
import {
  clearAnswered,
  describedBy,
  Form,
  Field,
  isUnanswered,
  readText,
  SubmitButton,
  useForm,
} from '../parts/form.tsx'
import { SecretField } from '../parts/secret-field.tsx'
import { KIND_NAMES } from '../words.ts'

/** What survives a reload: the answers that are no secret, and the key that makes a double submit harmless. */
interface Progress {
  name: string
  supportAccess: boolean
  key: string
}

const STORE = 'vestibule-onboarding'
const fresh = (): Progress => ({ name: '', supportAccess: true, key: crypto.randomUUID() })

const readProgress = (): Progress => {
  const kept = sessionStorage.getItem(STORE)
  return kept === null ? fresh() : { ...fresh(), ...JSON.parse(kept) }
}

const FIELDS = Object.fromEntries([
  ['credentials', 'claudeCodeToken'],
  ...CREDENTIAL_KINDS.map((kind) => [`credentials.${kind}`, kind] as const),
])
const LABELS = { ...KIND_NAMES, name: 'Name' }

/** Exactly what was pasted, but for the line break or space that copying often adds at the ends. */
const readToken = (element: HTMLFormElement, kind: CredentialKind): string | undefined =>
  readText(element, kind).trim() || undefined

/** What the API would refuse anyway is said before anything is sent, while the tokens are still in their fields. */
const findUnfit = (element: HTMLFormElement, name: string): ApiError | null => {
  const issues: ApiError['issues'] = []
  if (!AGENT_NAME_PATTERN.test(name)) issues.push({ path: 'name', rule: name === '' ? 'required' : 'invalid_name' })
  for (const kind of CREDENTIAL_KINDS) {
    const token = readToken(element, kind)
    const rule = token === undefined ? null : credentialRule(kind, token)
    if (rule !== null) issues.push({ path: `credentials.${kind}`, rule })
  }
  if (MODEL_CREDENTIAL_KINDS.every((kind) => readToken(element, kind) === undefined)) {
    issues.push({ path: 'credentials', rule: 'model_credential_required' })
  }
  return issues.length === 0 ? null : { code: 'invalid_input', message: '', issues, retryAfterSeconds: null }
}

export const Onboard = () => {
  const { go } = useApp()
  const form = useForm(FIELDS)
  const [progress, setProgress] = useState<Progress>({ name: '', supportAccess: true, key: '' })
  const change = (next: Progress): void => {
    setProgress(next)
    sessionStorage.setItem(STORE, JSON.stringify(next))
  }
  // Before anybody can type on: the form stands in the page before this script runs, and what was entered meanwhile
  // counts more than what was kept.
  useLayoutEffect(() => {
    const kept = readProgress()
    const name = document.getElementById('name')
    const refusal = document.getElementById('support-off')
    const typed = name instanceof HTMLInputElement ? name.value : ''
    const refused = refusal instanceof HTMLInputElement && refusal.checked
    change({
      ...kept,
      name: typed === '' ? kept.name : typed,
      supportAccess: refused ? false : kept.supportAccess,
    })
  }, [])

  const send = async (element: HTMLFormElement) => {
    const unfit = findUnfit(element, progress.name.trim())
    if (unfit !== null) return unfit
    const result = await call('POST /api/agents', {
      idempotencyKey: progress.key,
      body: {
        name: progress.name.trim(),
        supportAccess: progress.supportAccess,
        credentials: {
          claudeCodeToken: readToken(element, 'claudeCodeToken'),
          anthropicApiKey: readToken(element, 'anthropicApiKey'),
          githubToken: readToken(element, 'githubToken'),
          slackBotToken: readToken(element, 'slackBotToken'),
          slackAppToken: readToken(element, 'slackAppToken'),
        },
      },
    })
    clearAnswered(element, result)
    if (!result.ok) {
      // A refused request made nothing, so what is sent next is another request.
      if (!isUnanswered(result.error)) change({ ...progress, key: crypto.randomUUID() })
      return result.error
    }
    element.reset()
    sessionStorage.removeItem(STORE)
    go(`/agents/${result.value.agent.id}`)
    return null
  }

  const nameError = form.errorOf('name')
  return (
    <div class="stack loose">
      <div class="stack tight">
        <PageTitle title="New agent">Onboard an agent</PageTitle>
        <p class="quiet">
          Tokens go straight into your agent’s own secret, under your tenant’s own key. We never show them again.
        </p>
      </div>
      <Form form={form} send={send} action="/agents/new" autocomplete="off" labels={LABELS}>
        <Field
          name="name"
          label="Name"
          help="What you will call it. Unique among your tenant’s agents."
          error={nameError}
        >
          <input
            id="name"
            name="name"
            type="text"
            maxLength={40}
            value={progress.name}
            aria-invalid={nameError !== undefined}
            aria-describedby={describedBy('name', nameError, true)}
            onInput={(event) => change({ ...progress, name: event.currentTarget.value })}
            required
          />
        </Field>
        <fieldset class="ruled">
          <legend>What it thinks with</legend>
          <p class="help">Give one of the two; with both, the agent uses the Claude Code token.</p>
          <SecretField kind="claudeCodeToken" error={form.errorOf('claudeCodeToken')} />
          <SecretField kind="anthropicApiKey" error={form.errorOf('anthropicApiKey')} />
        </fieldset>
        <fieldset class="ruled">
          <legend>What it works on</legend>
          <SecretField kind="githubToken" optional="optional" error={form.errorOf('githubToken')} />
        </fieldset>
        <fieldset class="ruled">
          <legend>Where you talk to it</legend>
          <p class="help">
            Slack needs both tokens: the bot token lets the agent speak, the app token lets it listen. You can add the
            second one later.
          </p>
          <SecretField kind="slackBotToken" optional="optional" error={form.errorOf('slackBotToken')} />
          <SecretField kind="slackAppToken" optional="optional" error={form.errorOf('slackAppToken')} />
        </fieldset>
        <fieldset class="ruled">
          <legend>Support access</legend>
          <div class="choice">
            <input
              id="support-on"
              type="radio"
              name="support"
              checked={progress.supportAccess}
              onChange={() => change({ ...progress, supportAccess: true })}
            />
            <label for="support-on">Allow it</label>
            <p class="help">
              If the agent gets stuck, a support engineer may connect to its machine for minutes at a time. Each time is
              in your audit trail. You can turn it off whenever you like.
            </p>
          </div>
          <div class="choice">
            <input
              id="support-off"
              type="radio"
              name="support"
              checked={!progress.supportAccess}
              onChange={() => change({ ...progress, supportAccess: false })}
            />
            <label for="support-off">Do not allow it</label>
            <p class="help">
              The machine accepts no connection at all. If it breaks, nobody can repair it; you would delete it and
              onboard a new one.
            </p>
          </div>
        </fieldset>
        <SubmitButton busy={form.busy}>Onboard the agent</SubmitButton>
      </Form>
    </div>
  )
}
