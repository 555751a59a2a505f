import type { AgentBody } from '../../lambdas/contract/agents.ts'
import { isPassing, STATUS_WORDS, UNREACHABLE_WORD } from '../states.ts'

/** The state of an agent: a word and a mark, never colour alone. */
export const Status = ({ status, unreachableSince }: Pick<AgentBody, 'status' | 'unreachableSince'>) =>
  unreachableSince === undefined ? (
    <span class={`state ${isPassing(status) ? 'passing' : status}`}>{STATUS_WORDS[status]}</span>
  ) : (
    <span class="state failed">{UNREACHABLE_WORD}</span>
  )
