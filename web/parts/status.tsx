import type { AgentBody } from '../../lambdas/contract/agents.ts'
import { isPassing, STATUS_WORDS } from '../states.ts'

/** The state of an agent: a word and a mark, never colour alone. */
export const Status = ({ status }: Pick<AgentBody, 'status'>) => (
  <span class={`state ${isPassing(status) ? 'passing' : status}`}>{STATUS_WORDS[status]}</span>
)
