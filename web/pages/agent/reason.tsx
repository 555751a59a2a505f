import { Time } from '../../parts/time.tsx'
import { isQuarantined } from '../../states.ts'
import type { Part } from './part.ts'

/** Since when a quarantined agent's machine is cut off, or that it is being cut off. */
const Quarantine = ({ agent }: Pick<Part, 'agent'>) => (
  <p>
    Noticed <Time at={agent.timeline.at(-1)?.at ?? agent.updatedAt} />.{' '}
    {agent.isolatedAt === undefined ? (
      'The machine is being cut off right now.'
    ) : (
      <>
        Cut off <Time at={agent.isolatedAt} />: it makes no new connections and may read no credentials. Your admins
        were told.
      </>
    )}
  </p>
)

/** Why an agent is where it did not want to be, and what to do. */
export const Reason = ({ agent }: Pick<Part, 'agent'>) =>
  agent.reason === undefined ? null : (
    <div class={agent.status === 'failed' ? 'notice bad' : 'notice warn'}>
      <p>{agent.reason.message}</p>
      {isQuarantined(agent) && <Quarantine agent={agent} />}
      <p>
        <strong>What next:</strong> {agent.reason.nextStep}
      </p>
    </div>
  )
