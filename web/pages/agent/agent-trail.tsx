import { useState } from 'preact/hooks'
import { call } from '../../api.ts'
import { useLater } from '../../parts/common.tsx'
import type { Part } from './part.ts'

const loadTrail = () => import('../audit.tsx')

export const AgentTrail = ({ agent }: Pick<Part, 'agent'>) => {
  const [open, setOpen] = useState(false)
  const trail = useLater(open, loadTrail)
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Show what was done, by whom</summary>
      {open && trail !== null && (
        <trail.Trail
          names={{ [agent.id]: agent.name }}
          version={agent.updatedAt}
          load={(cursor) => call('GET /api/audit', { query: { agent: agent.id, limit: '20', ...cursor } })}
        />
      )}
    </details>
  )
}
