import { useState } from 'preact/hooks'
import { call } from '../../api.ts'
import { Problem, useLater } from '../../parts/common.tsx'
import { loadConfirm, type Part, useAction } from './part.ts'

const LIFECYCLE = {
  ready: ['POST /api/agents/{id}/stop', 'Stop'],
  stopped: ['POST /api/agents/{id}/start', 'Start'],
  failed: ['POST /api/agents/{id}/retry', 'Try again'],
} as const

const isRestState = (status: string): status is keyof typeof LIFECYCLE => status in LIFECYCLE

export const Lifecycle = ({ agent, update }: Part) => {
  const action = useAction(update)
  if (!isRestState(agent.status)) return null
  const [operation, word] = LIFECYCLE[agent.status]
  return (
    <div class="stack">
      {action.error !== null && <Problem error={action.error} />}
      <div>
        <button
          type="button"
          class={agent.status === 'ready' ? undefined : 'primary'}
          aria-disabled={action.busy}
          onClick={() => void action.run(() => call(operation, { params: { id: agent.id } }))}
        >
          {action.busy ? 'One moment…' : `${word} ${agent.status === 'failed' ? '' : agent.name}`}
        </button>
      </div>
    </div>
  )
}

export const DangerZone = ({ agent, update }: Part) => {
  const action = useAction(update)
  const [asking, setAsking] = useState(false)
  const confirm = useLater(asking, loadConfirm)
  if (agent.status === 'deleting' || agent.status === 'deleted') return null
  return (
    <section aria-labelledby="danger-title">
      <h2 id="danger-title">Delete this agent</h2>
      <p>Its machine and everything on it go away, and its secret is scheduled for deletion. This cannot be undone.</p>
      {action.error !== null && <Problem error={action.error} />}
      <div>
        <button type="button" class="danger" aria-disabled={action.busy} onClick={() => setAsking(true)}>
          Delete {agent.name}
        </button>
      </div>
      {confirm !== null && (
        <confirm.Confirm
          open={asking}
          title={`Delete ${agent.name}?`}
          action="Delete for good"
          typeToConfirm={agent.name}
          onClose={() => setAsking(false)}
          onConfirm={() => {
            setAsking(false)
            void action.run(() => call('DELETE /api/agents/{id}', { params: { id: agent.id } }))
          }}
        >
          <p>The machine, its data and its credentials go away.</p>
        </confirm.Confirm>
      )}
    </section>
  )
}
