import { useState } from 'preact/hooks'
import { type CredentialKind, credentialRule, recogniseCredential } from '../../lambdas/contract/credential-kinds.ts'
import { KIND_NAMES, ruleSentence } from '../words.ts'
import { useLater } from './common.tsx'
import { describedBy, Field } from './form.tsx'

const loadGuides = () => import('./credential-guides.ts')

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
  const [asked, setAsked] = useState(false)
  const guides = useLater(asked, loadGuides)
  const [hint, setHint] = useState<{ word: string; good: boolean } | null>(null)
  return (
    <Field
      name={name}
      label={`${KIND_NAMES[kind]}${optional === undefined ? '' : ` (${optional})`}`}
      error={error}
      help={
        <details onToggle={(event) => setAsked(event.currentTarget.open)}>
          <summary>Where to get it</summary>
          <ol>
            {guides?.GUIDES[kind].map((step) => (
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
