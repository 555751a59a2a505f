import { useState } from 'preact/hooks'
import { describedBy, Field } from './form.tsx'

/** A password, shown on request; a new one says how far it is from long enough. */
export const PasswordField = (props: {
  name: string
  label: string
  error?: string
  isNew?: boolean
  minimum?: number
}) => {
  const { name, label, error, isNew = false, minimum } = props
  const [shown, setShown] = useState(false)
  const [length, setLength] = useState(0)
  const help =
    minimum === undefined ? undefined : (
      <>
        At least {minimum} characters. Four or five unrelated words are easy to keep in mind and hard to guess.{' '}
        <span aria-live="polite">
          {length > 0 && (length < minimum ? `${minimum - length} to go.` : 'Long enough.')}
        </span>
      </>
    )
  const input = {
    id: name,
    name,
    autocomplete: isNew ? ('new-password' as const) : ('current-password' as const),
    'aria-invalid': error !== undefined,
    'aria-describedby': describedBy(name, error, help !== undefined),
    onInput: (event: { currentTarget: HTMLInputElement }) =>
      setLength(Array.from(event.currentTarget.value.normalize('NFC')).length),
    required: true,
  }
  return (
    <Field name={name} label={label} error={error} help={help}>
      <div class="with-button">
        {shown ? <input {...input} type="text" /> : <input {...input} type="password" />}
        <button
          type="button"
          aria-pressed={shown}
          aria-label={`${shown ? 'Hide' : 'Show'} what is typed: ${label}`}
          onClick={() => setShown(!shown)}
        >
          {shown ? 'Hide' : 'Show'}
        </button>
      </div>
    </Field>
  )
}
