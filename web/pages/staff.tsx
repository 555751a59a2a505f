import { useState } from 'preact/hooks'
import { type AnswerOf, type ApiError, call } from '../api.ts'
import { useApp } from '../parts/app-state.tsx'
import { Loading, PageTitle, Problem, TableHead, useLoaded } from '../parts/common.tsx'
import { Time } from '../parts/time.tsx'

type Account = AnswerOf<'GET /api/admin/accounts'>['accounts'][number]

export const Staff = () => {
  const { who } = useApp()
  const [error, setError] = useState<ApiError | null>(null)
  const { loaded, reload } = useLoaded(
    () => call('GET /api/admin/accounts', { query: { limit: '100' } }),
    () => false,
    [],
  )
  const change = async (
    account: Account,
    body: { role?: 'admin' | 'support'; status?: 'active' | 'suspended' },
  ): Promise<void> => {
    const result = await call('PATCH /api/admin/accounts/{id}', { params: { id: account.id }, body })
    setError(result.ok ? null : result.error)
    reload()
  }
  if (loaded.state !== 'ready') {
    return (
      <div class="stack">
        <PageTitle title="Staff">Staff</PageTitle>
        {loaded.state === 'loading' ? <Loading what="staff" /> : <Problem error={loaded.error} retry={reload} />}
      </div>
    )
  }
  return (
    <div class="stack loose">
      <div class="stack tight">
        <PageTitle title="Staff">Staff</PageTitle>
        <p class="quiet">
          A change counts from the account’s very next request. The last active admin stays. Invite staff on the Invites
          page.
        </p>
      </div>
      {error !== null && <Problem error={error} />}
      <table class="stacked">
        <caption class="visually-hidden">Staff accounts</caption>
        <TableHead columns={['Account', 'Role', 'State', 'Since']} hasActions />
        <tbody>
          {loaded.value.accounts.map((account) => (
            <tr key={account.id}>
              <th scope="row">
                {account.email}
                {account.id === who?.account?.id && <span class="good"> You</span>}
              </th>
              <td data-label="Role">{account.role === 'admin' ? 'Admin' : 'Support engineer'}</td>
              <td data-label="State">{account.status === 'active' ? 'Active' : 'Suspended'}</td>
              <td data-label="Since">
                <Time at={account.createdAt} />
              </td>
              <td class="actions">
                <button
                  type="button"
                  class="plain"
                  aria-label={`Make ${account.email} ${account.role === 'admin' ? 'support' : 'admin'}`}
                  onClick={() => void change(account, { role: account.role === 'admin' ? 'support' : 'admin' })}
                >
                  Make {account.role === 'admin' ? 'support' : 'admin'}
                </button>
                <button
                  type="button"
                  class="plain"
                  aria-label={`${account.status === 'active' ? 'Suspend' : 'Resume'} ${account.email}`}
                  onClick={() => void change(account, { status: account.status === 'active' ? 'suspended' : 'active' })}
                >
                  {account.status === 'active' ? 'Suspend' : 'Resume'}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
