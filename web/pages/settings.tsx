import { useState } from 'preact/hooks'
import { API_TOKEN_DEFAULT_DAYS, API_TOKEN_MAX_DAYS, PASSWORD_MIN_CHARACTERS } from '../../lambdas/contract/facts.ts'
import { type ApiError, call } from '../api.ts'
import { Loading, PageTitle, Problem, TableHead, useLater, useLoaded } from '../parts/common.tsx'
import { clearAnswered, describedBy, Form, Field, readText, SubmitButton, useForm } from '../parts/form.tsx'
import { ShownOnce } from '../parts/shown-once.tsx'
import { PasswordField } from '../parts/password-field.tsx'
import { Time } from '../parts/time.tsx'

const never = (): boolean => false
const loadConfirm = () => import('../parts/confirm.tsx')

const Password = ({ onChanged }: { onChanged: () => void }) => {
  const form = useForm({ password: 'newPassword' })
  const [done, setDone] = useState(false)
  const send = async (element: HTMLFormElement) => {
    setDone(false)
    const result = await call('POST /api/password', {
      body: { currentPassword: readText(element, 'currentPassword'), newPassword: readText(element, 'newPassword') },
    })
    clearAnswered(element, result)
    if (!result.ok) return result.error
    element.reset()
    setDone(true)
    onChanged()
    return null
  }
  return (
    <section aria-labelledby="password-title">
      <h2 id="password-title">Password</h2>
      <Form form={form} send={send} labels={{ currentPassword: 'Current password', newPassword: 'New password' }}>
        <PasswordField name="currentPassword" label="Current password" error={form.errorOf('currentPassword')} />
        <PasswordField
          name="newPassword"
          label="New password"
          isNew
          minimum={PASSWORD_MIN_CHARACTERS}
          error={form.errorOf('newPassword')}
        />
        <SubmitButton busy={form.busy}>Change the password</SubmitButton>
        <p role="status">{done && 'The password is changed. Every other session has ended.'}</p>
      </Form>
    </section>
  )
}

/** The browser and system of a user agent, as far as a person would recognise them. */
const deviceOf = (userAgent: string): string => {
  const browser = /Firefox|Edg|Chrome|Safari/.exec(userAgent)?.[0]?.replace('Edg', 'Edge') ?? 'Unknown browser'
  const system = /Windows|Android|iPhone|iPad|Mac OS X|Linux/.exec(userAgent)?.[0]?.replace('Mac OS X', 'macOS')
  return system === undefined ? browser : `${browser} on ${system}`
}

const Sessions = ({ version }: { version: number }) => {
  const { loaded, reload } = useLoaded(() => call('GET /api/sessions'), never, [version])
  const [error, setError] = useState<ApiError | null>(null)
  const end = async (action: () => Promise<{ ok: boolean; error?: ApiError }>): Promise<void> => {
    const result = await action()
    setError(result.error ?? null)
    reload()
  }
  return (
    <section aria-labelledby="sessions-title">
      <h2 id="sessions-title">Where you are signed in</h2>
      {error !== null && <Problem error={error} />}
      {loaded.state === 'loading' && <Loading what="your sessions" />}
      {loaded.state === 'failed' && <Problem error={loaded.error} retry={reload} />}
      {loaded.state === 'ready' && (
        <>
          <table class="stacked">
            <caption class="visually-hidden">Your sessions</caption>
            <TableHead columns={['Device', 'Signed in', 'Last seen', 'Ends']} hasActions />
            <tbody>
              {loaded.value.sessions.map((session) => (
                <tr key={session.id}>
                  <th scope="row" title={session.userAgent}>
                    {deviceOf(session.userAgent)}
                    {session.current && <span class="good"> This one</span>}
                  </th>
                  <td data-label="Signed in">
                    <Time at={session.createdAt} />
                  </td>
                  <td data-label="Last seen">
                    <Time at={session.lastSeenAt} />
                  </td>
                  <td data-label="Ends">
                    <Time at={session.expiresAt} />
                  </td>
                  <td class="actions">
                    {!session.current && (
                      <button
                        type="button"
                        class="plain"
                        aria-label={`End the session on ${deviceOf(session.userAgent)}`}
                        onClick={() =>
                          void end(() => call('DELETE /api/sessions/{id}', { params: { id: session.id } }))
                        }
                      >
                        End
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {loaded.value.sessions.length > 1 && (
            <div>
              <button type="button" onClick={() => void end(() => call('DELETE /api/sessions'))}>
                Sign out everywhere else
              </button>
            </div>
          )}
        </>
      )}
    </section>
  )
}

const Tokens = () => {
  const { loaded, reload } = useLoaded(() => call('GET /api/tokens'), never, [])
  const form = useForm({ name: 'token-name', expiresInDays: 'token-days' })
  const [secret, setSecret] = useState<string | null>(null)
  const [revoking, setRevoking] = useState<{ id: string; name: string } | null>(null)
  const confirm = useLater(revoking !== null, loadConfirm)
  const send = async (element: HTMLFormElement) => {
    setSecret(null)
    const result = await call('POST /api/tokens', {
      body: { name: readText(element, 'token-name').trim(), expiresInDays: Number(readText(element, 'token-days')) },
    })
    if (!result.ok) return result.error
    element.reset()
    setSecret(result.value.secret)
    reload()
    return null
  }
  const revoke = async (id: string): Promise<void> => {
    setRevoking(null)
    await form.run(async () => {
      const result = await call('DELETE /api/tokens/{id}', { params: { id } })
      reload()
      return result.ok ? null : result.error
    })
  }
  return (
    <section aria-labelledby="tokens-title">
      <h2 id="tokens-title">API tokens</h2>
      <p class="quiet">
        For scripts: a token may do what you may do. Make one per script, so that each can be revoked alone.
      </p>
      {secret !== null && <ShownOnce label="Your new token. It is not shown again." text={secret} />}
      {loaded.state === 'failed' && <Problem error={loaded.error} retry={reload} />}
      {loaded.state === 'ready' && loaded.value.tokens.length > 0 && (
        <table class="stacked">
          <caption class="visually-hidden">Your API tokens</caption>
          <TableHead columns={['Name', 'Begins with', 'Last used', 'Ends']} hasActions />
          <tbody>
            {loaded.value.tokens.map((token) => (
              <tr key={token.id}>
                <th scope="row">{token.name}</th>
                <td data-label="Begins with">
                  <code>{token.prefix}…</code>
                </td>
                <td data-label="Last used">{token.lastUsedAt === null ? 'never' : <Time at={token.lastUsedAt} />}</td>
                <td data-label="Ends">
                  <Time at={token.expiresAt} />
                </td>
                <td class="actions">
                  <button
                    type="button"
                    class="plain"
                    aria-label={`Revoke ${token.name}`}
                    onClick={() => setRevoking(token)}
                  >
                    Revoke
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Form form={form} send={send} labels={{ 'token-name': 'Name', 'token-days': 'Days' }}>
        <Field
          name="token-name"
          label="Name of a new token"
          help="What will use it."
          error={form.errorOf('token-name')}
        >
          <input
            id="token-name"
            name="token-name"
            type="text"
            maxLength={60}
            autocomplete="off"
            aria-describedby={describedBy('token-name', form.errorOf('token-name'), true)}
            required
          />
        </Field>
        <Field name="token-days" label="Days until it ends" error={form.errorOf('token-days')}>
          <input
            id="token-days"
            name="token-days"
            type="number"
            min={1}
            max={API_TOKEN_MAX_DAYS}
            defaultValue={String(API_TOKEN_DEFAULT_DAYS)}
          />
        </Field>
        <SubmitButton busy={form.busy}>Create the token</SubmitButton>
      </Form>
      {confirm !== null && (
        <confirm.Confirm
          open={revoking !== null}
          title={`Revoke ${revoking?.name ?? ''}?`}
          action="Revoke it"
          onClose={() => setRevoking(null)}
          onConfirm={() => void revoke(revoking?.id ?? '')}
        >
          <p>What uses it is refused from now on.</p>
        </confirm.Confirm>
      )}
    </section>
  )
}

export const Settings = () => {
  const [version, setVersion] = useState(0)
  return (
    <div class="stack loose">
      <PageTitle title="Settings">Settings</PageTitle>
      <Password onChanged={() => setVersion(version + 1)} />
      <Sessions version={version} />
      <Tokens />
    </div>
  )
}
