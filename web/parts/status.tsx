import type { AgentBody } from '../../lambdas/contract/agents.ts'
import { isPassing, stateWords } from '../states.ts'

type Shown = Pick<AgentBody, 'status' | 'reason' | 'unreachableSince'>

/** The state of an agent: a word and a mark, never colour alone. */
export const Status = ({ status, reason, unreachableSince }: Shown) => {
  const mark = unreachableSince !== undefined ? 'failed' : isPassing(status) ? 'passing' : status
  return <span class={`state ${mark}`}>{stateWords({ status, reason, unreachableSince })}</span>
}
