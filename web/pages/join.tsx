import { useEffect, useState } from 'preact/hooks'
import { PASSWORD_MIN_CHARACTERS } from '../../lambdas/contract/facts.ts'
import { type AnswerOf, type ApiError, call } from '../api.ts'
import { useApp } from '../parts/app-state.tsx'
import { PageTitle, Problem } from '../parts/common.tsx'
import { clearAnswered, Form, readText, SubmitButton, useForm } from '../parts/form.tsx'
import { PasswordField } from '../parts/password-field.tsx'
import { Time } from '../parts/time.tsx'

type Inspected = AnswerOf<'POST /api/invites/inspect'>

/** The code leaves the address bar at once and stays only in this variable: not in history, not in storage. */
let code = ''

const takeCode = (): string => {
  const fromAddress = location.hash.slice(1)
  if (fromAddress.startsWith('vst_inv_')) {
    code = fromAddress
    history.replaceState(null, '', location.pathname)
  }
  return code
}

const ENDED: Record<string, { title: string; text: string }> = {
  expired: {
    title: 'This invite has expired',
    text: 'Invites work for a limited time. Ask your admin to send a new link.',
  },
  redeemed: {
    title: 'This invite has been used',
    text: 'The account exists already. If it is yours, sign in; if not, ask your admin for a new link.',
  },
  revoked: {
    title: 'This invite was withdrawn',
    text: 'An admin took it back. Ask them for a new link if you still need one.',
  },
  unknown: {
    title: 'This link does not work',
    text: 'It may be incomplete, or a newer link was sent since. Copy the whole link again, or ask your admin for a new one.',
  },
  none: {
    title: 'Open your invite link',
    text: 'To join, open the link that your admin gave you once more. For your safety it is not kept in the address bar.',
  },
}

const Ended = ({ why }: { why: string }) => (
  <div class="stack">
    <PageTitle title="Join">{ENDED[why]?.title}</PageTitle>
    <p>{ENDED[why]?.text}</p>
    <p>
      <a href="/signin">Sign in</a>
    </p>
  </div>
)

const JoinForm = ({ invite }: { invite: Inspected }) => {
  const { setWho, go } = useApp()
  const form = useForm()
  const send = async (element: HTMLFormElement) => {
    const result = await call('POST /api/signup', {
      body: { invite: code, email: invite.email ?? '', password: readText(element, 'password') },
    })
    clearAnswered(element, result)
    if (!result.ok) return result.error
    code = ''
    element.reset()
    setWho(result.value)
    go('/', result.value)
    return null
  }
  return (
    <Form form={form} send={send} action="/join" labels={{ password: 'Password' }}>
      <input type="email" name="email" autocomplete="username" value={invite.email} readOnly hidden />
      <PasswordField
        name="password"
        label="Choose a password"
        isNew
        minimum={PASSWORD_MIN_CHARACTERS}
        error={form.errorOf('password')}
      />
      <SubmitButton busy={form.busy}>Create my account</SubmitButton>
    </Form>
  )
}

const ROLE_WORDS = { tenant: 'a member', admin: 'an admin', support: 'a support engineer' }

export const Join = () => {
  const { who } = useApp()
  const [invite, setInvite] = useState<Inspected | null>(null)
  const [problem, setProblem] = useState<ApiError | null>(null)
  const [why, setWhy] = useState<string | null>(null)
  const inspect = async (): Promise<void> => {
    setProblem(null)
    if (takeCode() === '') return setWhy('none')
    const result = await call('POST /api/invites/inspect', { body: { invite: code } })
    if (result.ok) return result.value.state === 'pending' ? setInvite(result.value) : setWhy(result.value.state)
    if (result.error.code === 'invite_invalid' || result.error.code === 'invalid_input') setWhy('unknown')
    else setProblem(result.error)
  }
  useEffect(() => {
    void inspect()
    const reread = (): void => {
      if (location.hash.startsWith('#vst_inv_')) void inspect()
    }
    addEventListener('hashchange', reread)
    return () => removeEventListener('hashchange', reread)
  }, [])

  if (why !== null) return <Ended why={why} />
  return (
    <div class="stack loose">
      <PageTitle title="Join">
        {invite === null ? 'Join Vestibule' : `Join ${invite.tenantName ?? 'Vestibule'}`}
      </PageTitle>
      {problem !== null && <Problem error={problem} retry={() => void inspect()} />}
      {invite === null && problem === null && (
        <p class="quiet" role="status">
          Looking at your invite…
        </p>
      )}
      {invite !== null && (
        <>
          <div class="stack tight">
            <p>
              <strong class="long">{invite.invitedBy}</strong> invited <strong class="long">{invite.email}</strong> as{' '}
              {ROLE_WORDS[invite.role ?? 'tenant']}
              {invite.tenantName === undefined ? '' : ' of '}
              <strong class="long">{invite.tenantName}</strong>.
            </p>
            {invite.expiresAt !== undefined && (
              <p class="quiet">
                The invite ends <Time at={invite.expiresAt} />. It works once, and only for this address.
              </p>
            )}
          </div>
          {who?.account != null && (
            <p class="notice warn">
              You are signed in as {who.account.email}. Creating this account signs you out of that one in this browser.
            </p>
          )}
          <JoinForm invite={invite} />
        </>
      )}
    </div>
  )
}
