import { call } from '../api.ts'
import { useApp } from '../parts/app-state.tsx'
import { PageTitle } from '../parts/common.tsx'
import { clearAnswered, describedBy, Form, Field, readText, SubmitButton, useForm } from '../parts/form.tsx'
import { PasswordField } from '../parts/password-field.tsx'

const LABELS = { email: 'E-mail', password: 'Password' }

export const SignIn = () => {
  const { who, setWho, go, path } = useApp()
  const form = useForm()
  const send = async (element: HTMLFormElement) => {
    const result = await call('POST /api/login', {
      body: { email: readText(element, 'email').trim(), password: readText(element, 'password') },
    })
    clearAnswered(element, result)
    if (!result.ok) return result.error
    setWho(result.value)
    if (path === '/signin') go('/', result.value)
    return null
  }
  const signedInAs = path === '/signin' ? who?.account?.email : undefined
  return (
    <div class="stack loose">
      <PageTitle title="Sign in">Sign in</PageTitle>
      {signedInAs !== undefined && (
        <p class="notice">
          <span>
            You are signed in as {signedInAs}. <a href="/">Go on to Vestibule</a>, or sign in as somebody else.
          </span>
        </p>
      )}
      {path !== '/signin' && <p class="quiet">You are not signed in, or your session has ended. Sign in to go on.</p>}
      <Form form={form} send={send} action="/signin" labels={LABELS}>
        <Field name="email" label="E-mail" error={form.errorOf('email')}>
          <input
            id="email"
            name="email"
            type="email"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            aria-invalid={form.errorOf('email') !== undefined}
            aria-describedby={describedBy('email', form.errorOf('email'), false)}
            required
          />
        </Field>
        <PasswordField name="password" label="Password" error={form.errorOf('password')} />
        <SubmitButton busy={form.busy}>Sign in</SubmitButton>
      </Form>
      <p class="quiet small">No account yet? Accounts are made from an invite link. Ask your admin for one.</p>
    </div>
  )
}
