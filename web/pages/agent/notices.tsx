import { isUp } from '../../states.ts'
import { NOTICE_WORDS } from '../../words.ts'
import type { Part } from './part.ts'

/** What the agent has to do without, as its machine last told it. */
export const Notices = ({ agent }: Pick<Part, 'agent'>) => {
  const { notices = [] } = agent
  if (notices.length === 0 || !isUp(agent.status)) return null
  return (
    <section aria-labelledby="notices-title" class="notice warn">
      <h2 id="notices-title">What it has to do without</h2>
      <ul>
        {notices.map((notice) => (
          <li key={notice}>
            {NOTICE_WORDS[notice].message} <strong>What next:</strong> {NOTICE_WORDS[notice].nextStep}
          </li>
        ))}
      </ul>
    </section>
  )
}
