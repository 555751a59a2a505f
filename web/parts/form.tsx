import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ApiError } from '../api.ts'
import { ruleSentence } from '../words.ts'

export interface FieldError {
  field: string
  sentence: string
}

/** Errors of an answer, each at its field where it has one. `fields` maps the API's paths to input names. */
const toFieldErrors = (error: ApiError, fields: Readonly<Record<string, string>>): FieldError[] =>
  error.issues.map(({ path, rule }) => ({ field: fields[path] ?? path, sentence: ruleSentence(rule) }))

const waitSentence = (seconds: number): string => {
  if (seconds < 90) return ` You can try again in ${seconds} seconds.`
  return ` You can try again in about ${Math.ceil(seconds / 60)} minutes.`
}

export const errorSentence = ({ message, retryAfterSeconds, code }: ApiError): string =>
  message + (code === 'rate_limited' && retryAfterSeconds !== null ? waitSentence(retryAfterSeconds) : '')

/** Sending a form once: busy while it runs, errors at their fields and in a summary that gets the focus. */
export const useForm = (fields: Readonly<Record<string, string>> = {}) => {
  const [busy, setBusy] = useState(false)
  const [errors, setErrors] = useState<FieldError[]>([])
  const [general, setGeneral] = useState<string | null>(null)

  const show = (problems: FieldError[], sentence: string | null): void => {
    setErrors(problems)
    setGeneral(sentence)
  }

  return {
    busy,
    errors,
    general,
    show,
    errorOf: (field: string): string | undefined => errors.find((error) => error.field === field)?.sentence,
    run: async (action: () => Promise<ApiError | null>): Promise<void> => {
      if (busy) return
      setBusy(true)
      show([], null)
      const error = await action()
      setBusy(false)
      if (error !== null) show(toFieldErrors(error, fields), error.issues.length > 0 ? null : errorSentence(error))
    },
  }
}

export type FormState = ReturnType<typeof useForm>

export const ErrorSummary = ({ form, labels = {} }: { form: FormState; labels?: Readonly<Record<string, string>> }) => {
  const box = useRef<HTMLDivElement>(null)
  const count = form.errors.length + (form.general === null ? 0 : 1)
  useEffect(() => {
    if (count > 0) box.current?.focus()
  }, [form.errors, form.general])
  if (count === 0) return null
  return (
    <div ref={box} class="notice bad summary" role="alert" tabIndex={-1}>
      <h2>That did not work yet</h2>
      {form.general !== null && <p>{form.general}</p>}
      {form.errors.length > 0 && (
        <ul>
          {form.errors.map(({ field, sentence }) => (
            <li key={field}>
              <a href={`#${field}`} data-native>
                {labels[field] === undefined ? sentence : `${labels[field]}: ${sentence}`}
              </a>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

interface FieldProps {
  name: string
  label: string
  help?: ComponentChildren
  error?: string
  children: ComponentChildren
}

export const Field = ({ name, label, help, error, children }: FieldProps) => (
  <div class={error === undefined ? 'field' : 'field bad'}>
    <label for={name}>{label}</label>
    {help !== undefined && (
      <div class="help" id={`${name}-help`}>
        {help}
      </div>
    )}
    {error !== undefined && (
      <p class="error" id={`${name}-error`}>
        {error}
      </p>
    )}
    {children}
  </div>
)

export const describedBy = (name: string, error: string | undefined, help: boolean): string | undefined =>
  [help ? `${name}-help` : '', error === undefined ? '' : `${name}-error`].filter(Boolean).join(' ') || undefined

/** The text of one field at the moment of sending. Secrets are read here and nowhere kept. */
export const readText = (form: HTMLFormElement, name: string): string => {
  const value = new FormData(form).get(name)
  return typeof value === 'string' ? value : ''
}

export const SubmitButton = ({
  busy,
  children,
  kind = 'primary',
}: {
  busy: boolean
  children: string
  kind?: string
}) => (
  <div class="row">
    <button type="submit" class={kind} disabled={busy}>
      {busy ? 'One moment…' : children}
    </button>
  </div>
)

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
