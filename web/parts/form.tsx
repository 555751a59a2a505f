import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ApiError, ApiResult } from '../api.ts'
import { ruleSentence } from '../words.ts'

export interface FieldError {
  field: string
  sentence: string
}

/** Fields of passwords and tokens, shown or hidden: empty once an answer is here. */
const SECRET_INPUTS = 'input[type=password], input.secret, .with-button input'

/** Errors of an answer, the first one of each field. `fields` maps the API's paths to input names. */
const toFieldErrors = (error: ApiError, fields: Readonly<Record<string, string>>): FieldError[] => {
  const byField = new Map<string, string>()
  for (const { path, rule } of error.issues) {
    const field = fields[path] ?? path
    const input = document.getElementById(field)
    const isEmpty = input instanceof HTMLInputElement && !input.matches(SECRET_INPUTS) && input.value.trim() === ''
    if (!byField.has(field)) byField.set(field, ruleSentence(isEmpty && rule === 'too_short' ? 'required' : rule))
  }
  return [...byField].map(([field, sentence]) => ({ field, sentence }))
}

const waitSentence = (seconds: number): string => {
  if (seconds < 90) return seconds === 1 ? 'one second' : `${seconds} seconds`
  return `about ${Math.ceil(seconds / 60)} minutes`
}

export const errorSentence = ({ message, retryAfterSeconds, code }: ApiError): string =>
  code === 'rate_limited' && retryAfterSeconds !== null
    ? `That was too many attempts. You can try again in ${waitSentence(retryAfterSeconds)}.`
    : message

/** What was typed here stays while somebody signs in again beside it; passwords and tokens do not. */
export const SignInElsewhere = () => (
  <a href="/signin" target="_blank">
    Sign in in a new tab, then try again here
  </a>
)

/** Sending a form once: busy while it runs, errors at their fields and in a summary that gets the focus. */
export const useForm = (fields: Readonly<Record<string, string>> = {}) => {
  const [busy, setBusy] = useState(false)
  const sending = useRef(false)
  const [code, setCode] = useState<ApiError['code'] | null>(null)
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
    code,
    show,
    errorOf: (field: string): string | undefined => errors.find((error) => error.field === field)?.sentence,
    run: async (action: () => Promise<ApiError | null>): Promise<void> => {
      if (sending.current) return
      sending.current = true
      setBusy(true)
      show([], null)
      const error = await action()
      sending.current = false
      setBusy(false)
      setCode(error?.code ?? null)
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
      {form.general !== null && (
        <p>
          {form.general} {form.code === 'unauthenticated' && <SignInElsewhere />}
        </p>
      )}
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

interface FormProps {
  form: FormState
  /** Sends what is in the element; null means that it worked. */
  send: (element: HTMLFormElement) => Promise<ApiError | null>
  children: ComponentChildren
  labels?: Readonly<Record<string, string>>
  /** Where a browser without script would post to: never by GET, so that nothing typed ends in an address. */
  action?: string
  autocomplete?: 'on' | 'off'
}

/** A form that is sent by script: its error summary on top, our own words instead of the browser's. */
export const Form = ({ form, send, children, labels, action, autocomplete = 'on' }: FormProps) => {
  const element = useRef<HTMLFormElement>(null)
  // A browser keeps a page that was left in its memory, and may bring it back with all that stood in it.
  useEffect(() => {
    const leave = (): void => {
      if (element.current !== null) clearSecrets(element.current)
    }
    addEventListener('pagehide', leave)
    return () => removeEventListener('pagehide', leave)
  }, [])
  return (
    <form
      ref={element}
      method="post"
      action={action}
      autocomplete={autocomplete}
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        const sender = event.currentTarget
        void form.run(() => send(sender))
      }}
    >
      <ErrorSummary form={form} labels={labels} />
      {children}
    </form>
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

/** Whether it was done, nobody can tell: the same has to be sent once more. */
export const isUnanswered = ({ code }: ApiError): boolean => code === 'offline' || code === 'unavailable'

/** Empties what must not stay in the page, and tells the fields that they are empty. */
const clearSecrets = (form: HTMLFormElement): void => {
  for (const input of form.querySelectorAll<HTMLInputElement>(SECRET_INPUTS)) {
    input.value = ''
    input.dispatchEvent(new Event('input'))
  }
}

/** Once looked at, no secret stays. Before that it does, for another try: many a token is shown once where it is made. */
export const clearAnswered = (form: HTMLFormElement, result: ApiResult<unknown>): void => {
  const isToRepeat = !result.ok && (isUnanswered(result.error) || result.error.code === 'rate_limited')
  if (!isToRepeat) clearSecrets(form)
}

export const SubmitButton = ({
  busy,
  children,
  kind = 'primary',
}: {
  busy: boolean
  children: string
  kind?: string
}) => {
  // A browser sends no form whose button is disabled. As the page is served it is, since without our script the browser
  // itself would send what was typed.
  const [ready, setReady] = useState(false)
  useLayoutEffect(() => setReady(true), [])
  return (
    <div class="row">
      <button type="submit" class={kind} disabled={!ready} aria-disabled={busy}>
        {busy ? 'One moment…' : children}
      </button>
    </div>
  )
}
