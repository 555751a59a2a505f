import { useState } from 'preact/hooks'
import { type AnswerOf, type ApiError, call } from '../api.ts'
import { Loading, PageTitle, Problem, TableHead, useLoaded } from '../parts/common.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Time } from '../parts/time.tsx'

type Tenant = AnswerOf<'GET /api/admin/tenants'>['tenants'][number]

const Row = ({ tenant, onDone }: { tenant: Tenant; onDone: (error: ApiError | null) => void }) => {
  const [asking, setAsking] = useState(false)
  const [reason, setReason] = useState('')
  const suspend = async (): Promise<void> => {
    setAsking(false)
    const body = reason.trim() === '' ? undefined : { reason: reason.trim() }
    const result = await call('POST /api/admin/tenants/{id}/suspend', { params: { id: tenant.id }, body })
    onDone(result.ok ? null : result.error)
  }
  const resume = async (): Promise<void> => {
    const result = await call('POST /api/admin/tenants/{id}/resume', { params: { id: tenant.id } })
    onDone(result.ok ? null : result.error)
  }
  return (
    <tr>
      <th scope="row">{tenant.name}</th>
      <td data-label="State">
        <span class={`state ${tenant.status === 'active' ? 'ready' : 'failed'}`}>
          {tenant.status === 'active' ? 'Active' : 'Suspended'}
        </span>
      </td>
      <td data-label="Accounts">{tenant.accounts}</td>
      <td data-label="Agents">{tenant.agents}</td>
      <td data-label="Since">
        <Time at={tenant.createdAt} />
      </td>
      <td class="actions">
        {tenant.status === 'active' ? (
          <button type="button" class="plain" aria-label={`Suspend ${tenant.name}`} onClick={() => setAsking(true)}>
            Suspend
          </button>
        ) : (
          <button type="button" class="plain" aria-label={`Resume ${tenant.name}`} onClick={() => void resume()}>
            Resume
          </button>
        )}
        <Confirm
          open={asking}
          title={`Suspend ${tenant.name}?`}
          action="Suspend it"
          onClose={() => setAsking(false)}
          onConfirm={() => void suspend()}
        >
          <p>Everybody of it is signed out at once, its API tokens end, its agents stop. Nothing is deleted.</p>
          <div class="field">
            <label for={`reason-${tenant.id}`}>Reason (the tenant can read it in its trail)</label>
            <input
              id={`reason-${tenant.id}`}
              type="text"
              maxLength={200}
              autocomplete="off"
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </div>
        </Confirm>
      </td>
    </tr>
  )
}

export const Tenants = () => {
  const [error, setError] = useState<ApiError | null>(null)
  const { loaded, reload } = useLoaded(
    () => call('GET /api/admin/tenants', { query: { limit: '100' } }),
    () => false,
    [],
  )
  if (loaded.state !== 'ready') {
    return (
      <div class="stack">
        <PageTitle title="Tenants">Tenants</PageTitle>
        {loaded.state === 'loading' ? <Loading what="tenants" /> : <Problem error={loaded.error} retry={reload} />}
      </div>
    )
  }
  const { tenants } = loaded.value
  const suspended = tenants.filter(({ status }) => status === 'suspended').length
  return (
    <div class="stack loose">
      <PageTitle title="Tenants">Tenants</PageTitle>
      {error !== null && <Problem error={error} />}
      {tenants.length === 0 ? (
        <p>
          There are no tenants yet. A tenant begins when its first invite is used. <a href="/admin">Invite somebody</a>
        </p>
      ) : (
        <table class="stacked">
          <caption>
            {tenants.length - suspended} active, {suspended} suspended
          </caption>
          <TableHead columns={['Tenant', 'State', 'Accounts', 'Agents', 'Since']} hasActions />
          <tbody>
            {tenants.map((tenant) => (
              <Row
                key={tenant.id}
                tenant={tenant}
                onDone={(failure) => {
                  setError(failure)
                  reload()
                }}
              />
            ))}
          </tbody>
        </table>
      )}
    </div>
  )
}
