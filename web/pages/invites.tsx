import { useState } from 'preact/hooks'
import { INVITE_DEFAULT_HOURS } from '../../lambdas/contract/facts.ts'
import { type AnswerOf, type ApiError, call } from '../api.ts'
import { Loading, PageTitle, Problem, TableHead, useLoaded } from '../parts/common.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { describedBy, Form, Field, readText, SubmitButton, useForm } from '../parts/form.tsx'
import { ShownOnce } from '../parts/shown-once.tsx'
import { Time } from '../parts/time.tsx'

type Invite = AnswerOf<'GET /api/admin/invites'>['invites'][number]
type State = Invite['state']

const STATES: readonly State[] = ['pending', 'redeemed', 'expired', 'revoked']
const STATE_WORDS: Record<State, string> = {
  pending: 'Pending',
  redeemed: 'Used',
  expired: 'Expired',
  revoked: 'Revoked',
}
const ROLES = { tenant: 'Member of a tenant', admin: 'Admin', support: 'Support engineer' }

interface Issued {
  link: string
  email: string
  isMailed: boolean
}

const MAIL_WORDS: Record<NonNullable<Invite['mail']>['state'], string> = {
  queued: 'mail on its way',
  sent: 'mailed',
  refused: 'mail refused: hand the link over yourself',
  bounced: 'mail came back: check the address',
  unconfirmed: 'mail may not have arrived: make a new link',
}

const handOver = ({ email, isMailed }: Issued): string =>
  isMailed
    ? `The link for ${email}. A mail with it is on its way; the link is not shown again.`
    : `The link for ${email}. This installation sends no mail: hand the link over yourself. It is not shown again.`

const isRole = (text: string): text is keyof typeof ROLES => text in ROLES

const InviteForm = ({ onIssued }: { onIssued: (issued: Issued) => void }) => {
  const form = useForm()
  const [role, setRole] = useState<keyof typeof ROLES>('tenant')
  const [tenant, setTenant] = useState('')
  const { loaded: tenants } = useLoaded(
    () => call('GET /api/admin/tenants', { query: { limit: '100' } }),
    () => false,
    [],
  )
  const known = tenants.state === 'ready' ? tenants.value.tenants.filter(({ status }) => status === 'active') : []
  const send = async (element: HTMLFormElement) => {
    const email = readText(element, 'email').trim()
    const name = readText(element, 'tenantName').trim()
    const place =
      role !== 'tenant' ? {} : tenant !== '' ? { tenantId: tenant } : name === '' ? {} : { tenantName: name }
    const result = await call('POST /api/admin/invites', { body: { email, role, ...place } })
    if (!result.ok) return result.error
    element.reset()
    setRole('tenant')
    setTenant('')
    onIssued({ link: result.value.link, email, isMailed: result.value.invite.mail !== undefined })
    return null
  }
  return (
    <Form form={form} send={send} labels={{ email: 'E-mail', tenantName: 'Tenant' }}>
      <Field
        name="email"
        label="E-mail address to invite"
        help="The invite works for this address alone, once, and ends after a week."
        error={form.errorOf('email')}
      >
        <input
          id="email"
          name="email"
          type="email"
          autocomplete="off"
          spellcheck={false}
          aria-describedby={describedBy('email', form.errorOf('email'), true)}
          required
        />
      </Field>
      <div class="field">
        <label for="role">As</label>
        <select
          id="role"
          value={role}
          onChange={(event) => {
            const { value } = event.currentTarget
            if (isRole(value)) setRole(value)
          }}
        >
          {Object.entries(ROLES).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </div>
      {role === 'tenant' && (
        <>
          <div class="field">
            <label for="tenant">Of</label>
            <select id="tenant" value={tenant} onChange={(event) => setTenant(event.currentTarget.value)}>
              <option value="">a new tenant</option>
              {known.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </div>
          {tenant === '' && (
            <Field name="tenantName" label="Name of the new tenant" error={form.errorOf('tenantName')}>
              <input id="tenantName" name="tenantName" type="text" maxLength={80} autocomplete="off" />
            </Field>
          )}
        </>
      )}
      <SubmitButton busy={form.busy}>Create the invite</SubmitButton>
    </Form>
  )
}

const InviteRow = ({
  invite,
  onIssued,
  onDone,
}: {
  invite: Invite
  onIssued: (issued: Issued) => void
  onDone: (error: ApiError | null) => void
}) => {
  const [asking, setAsking] = useState(false)
  const resend = async (): Promise<void> => {
    const result = await call('POST /api/admin/invites/{id}/resend', { params: { id: invite.id } })
    if (result.ok) {
      const { link, invite: renewed } = result.value
      onIssued({ link, email: invite.email, isMailed: renewed.mail !== undefined })
    }
    onDone(result.ok ? null : result.error)
  }
  const revoke = async (): Promise<void> => {
    setAsking(false)
    const result = await call('DELETE /api/admin/invites/{id}', { params: { id: invite.id } })
    onDone(result.ok ? null : result.error)
  }
  const open = invite.state === 'pending' || invite.state === 'expired'
  return (
    <tr>
      <th scope="row">{invite.email}</th>
      <td data-label="For">{invite.tenantName ?? ROLES[invite.role]}</td>
      <td data-label="State">
        {STATE_WORDS[invite.state]}
        {invite.mail !== undefined && invite.state === 'pending' && (
          <span class="quiet"> · {MAIL_WORDS[invite.mail.state]}</span>
        )}
      </td>
      <td data-label="Issued">
        <Time at={invite.createdAt} />
      </td>
      <td data-label={invite.state === 'redeemed' ? 'Used' : 'Ends'}>
        <Time at={invite.redeemedAt ?? invite.expiresAt} />
      </td>
      <td class="actions">
        {open && (
          <button type="button" class="plain" aria-label={`New link for ${invite.email}`} onClick={() => void resend()}>
            New link
          </button>
        )}
        {open && (
          <button
            type="button"
            class="plain"
            aria-label={`Revoke the invite of ${invite.email}`}
            onClick={() => setAsking(true)}
          >
            Revoke
          </button>
        )}
        <Confirm
          open={asking}
          title={`Revoke the invite of ${invite.email}?`}
          action="Revoke it"
          onClose={() => setAsking(false)}
          onConfirm={() => void revoke()}
        >
          <p>Its link stops working at once, also where it is open in a browser. You can invite the address again.</p>
        </Confirm>
      </td>
    </tr>
  )
}

export const Invites = () => {
  const [state, setState] = useState<State | ''>('')
  const [issued, setIssued] = useState<Issued | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const { loaded, reload } = useLoaded(
    () => call('GET /api/admin/invites', { query: state === '' ? {} : { state } }),
    () => false,
    [state],
  )
  const show = (next: Issued): void => {
    setIssued(next)
    reload()
  }
  return (
    <div class="stack loose">
      <PageTitle title="Invites">Invites</PageTitle>
      <section aria-label="New invite">
        {issued !== null && (
          <div role="status" tabIndex={-1} ref={(box) => box?.focus()} key={issued.link}>
            <ShownOnce key={issued.link} label={handOver(issued)} text={issued.link} />
          </div>
        )}
        <InviteForm onIssued={show} />
      </section>
      <section aria-labelledby="invites-title">
        <h2 id="invites-title">Issued invites</h2>
        {error !== null && <Problem error={error} />}
        <div class="field">
          <label for="state">Show</label>
          <select
            id="state"
            value={state}
            onChange={(event) => setState(STATES.find((known) => known === event.currentTarget.value) ?? '')}
          >
            <option value="">all</option>
            {STATES.map((known) => (
              <option key={known} value={known}>
                {STATE_WORDS[known].toLowerCase()}
              </option>
            ))}
          </select>
        </div>
        {loaded.state === 'loading' && <Loading what="invites" />}
        {loaded.state === 'failed' && <Problem error={loaded.error} retry={reload} />}
        {loaded.state === 'ready' && loaded.value.invites.length === 0 && (
          <p class="quiet">No invites in this state.</p>
        )}
        {loaded.state === 'ready' && loaded.value.invites.length > 0 && (
          <table class="stacked">
            <caption>
              Newest first. An invite ends {INVITE_DEFAULT_HOURS / 24} days after it was issued or sent again.
            </caption>
            <TableHead columns={['Address', 'For', 'State', 'Issued', 'Ends or used']} hasActions />
            <tbody>
              {loaded.value.invites.map((invite) => (
                <InviteRow
                  key={invite.id}
                  invite={invite}
                  onIssued={show}
                  onDone={(failure) => {
                    setError(failure)
                    reload()
                  }}
                />
              ))}
            </tbody>
          </table>
        )}
      </section>
    </div>
  )
}
