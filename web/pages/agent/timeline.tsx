import { Time } from '../../parts/time.tsx'
import { STATUS_WORDS, statusSentence } from '../../states.ts'
import type { Part } from './part.ts'

export const Timeline = ({ agent }: Pick<Part, 'agent'>) => (
  <section aria-labelledby="timeline-title">
    <h2 id="timeline-title">What happened</h2>
    <ol class="timeline">
      {agent.timeline.map(({ status, at }, index) => {
        const isLast = index === agent.timeline.length - 1
        return (
          <li key={`${at}${status}`} aria-current={isLast ? 'step' : undefined}>
            <div>
              <strong>{STATUS_WORDS[status]}</strong>{' '}
              <span class="quiet small">
                <Time at={at} />
              </span>
              <p class="quiet small">{isLast ? statusSentence(agent) : statusSentence({ status })}</p>
            </div>
          </li>
        )
      })}
    </ol>
  </section>
)
