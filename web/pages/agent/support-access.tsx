import { call } from '../../api.ts'
import { Problem } from '../../parts/common.tsx'
import { type Part, useAction } from './part.ts'

export const SupportAccess = ({ agent, update }: Part) => {
  const action = useAction(update)
  const set = (enabled: boolean) =>
    action.run(() => call('PUT /api/agents/{id}/support-access', { params: { id: agent.id }, body: { enabled } }))
  return (
    <section aria-labelledby="support-title">
      <h2 id="support-title">Support access</h2>
      <p role="status">
        {agent.supportAccess
          ? 'Allowed: a support engineer may connect to this machine for minutes at a time. Each time is in your audit trail.'
          : 'Off: this machine accepts no connection. Nobody can repair it from outside.'}
      </p>
      {action.error !== null && <Problem error={action.error} />}
      <div>
        <button type="button" aria-disabled={action.busy} onClick={() => void set(!agent.supportAccess)}>
          {action.busy ? 'One moment…' : agent.supportAccess ? 'Turn support access off' : 'Allow support access'}
        </button>
      </div>
    </section>
  )
}
