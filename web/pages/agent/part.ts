import { useState } from 'preact/hooks'
import type { AgentBody } from '../../../lambdas/contract/agents.ts'
import type { ApiError, call } from '../../api.ts'

/** What every part of an agent's page shows and changes. */
export interface Part {
  agent: AgentBody
  update: (agent: AgentBody) => void
}

/** One call at a time on behalf of a button; its failure stands beside the button. */
export const useAction = (update: (agent: AgentBody) => void) => {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError | null>(null)
  return {
    busy,
    error,
    run: async (action: () => ReturnType<typeof call<'GET /api/agents/{id}'>>): Promise<boolean> => {
      if (busy) return false
      setBusy(true)
      setError(null)
      const result = await action()
      setBusy(false)
      if (result.ok) update(result.value.agent)
      else setError(result.error)
      return result.ok
    },
  }
}

export const loadConfirm = () => import('../../parts/confirm.tsx')
