import { call } from '../api.ts'
import { useApp } from '../parts/app-state.tsx'
import { Loading, PageTitle, Problem, useLoaded } from '../parts/common.tsx'
import { Status } from '../parts/status.tsx'
import { Time } from '../parts/time.tsx'
import { isMoving, statusSentence } from '../states.ts'
import { AgentTrail } from './agent/agent-trail.tsx'
import { Credentials } from './agent/credentials.tsx'
import { DangerZone, Lifecycle } from './agent/lifecycle.tsx'
import { Notices } from './agent/notices.tsx'
import type { Part } from './agent/part.ts'
import { Reason } from './agent/reason.tsx'
import { SupportAccess } from './agent/support-access.tsx'
import { Timeline } from './agent/timeline.tsx'

export const AgentPage = () => {
  const { path } = useApp()
  const id = path.split('/')[2] ?? ''
  const { loaded, stale, reload, set } = useLoaded(
    () => call('GET /api/agents/{id}', { params: { id } }),
    ({ agent }) => isMoving(agent),
    [id],
  )
  if (loaded.state === 'loading') return <Loading what="the agent" />
  if (loaded.state === 'failed') {
    return (
      <div class="stack">
        <PageTitle title="Agent">
          {loaded.error.code === 'not_found' ? 'This agent is not here' : 'This agent cannot be shown right now'}
        </PageTitle>
        <Problem error={loaded.error} retry={reload} />
        <p>
          <a href="/">Back to your agents</a>
        </p>
      </div>
    )
  }
  const { agent } = loaded.value
  const part: Part = { agent, update: (next) => set({ agent: next }) }
  return (
    <div class="stack loose">
      <div class="stack">
        <p class="small">
          <a href="/">Your agents</a>
        </p>
        <PageTitle title={agent.name}>{agent.name}</PageTitle>
        <div aria-live="polite" class="stack tight">
          <p>
            <Status {...agent} />
          </p>
          <p class="quiet">{agent.reason === undefined ? statusSentence(agent) : ''}</p>
        </div>
        <Reason agent={agent} />
        {stale !== null && <Problem error={stale} retry={reload} />}
        <Lifecycle {...part} />
        {agent.instance !== undefined && (
          <dl class="facts small">
            <dt>Machine</dt>
            <dd>
              <code>{agent.instance.id}</code>
            </dd>
            <dt>Size and zone</dt>
            <dd>
              {agent.instance.type}, {agent.instance.zone}
            </dd>
            {agent.lastSeenAt !== undefined && (
              <>
                <dt>Last word from it</dt>
                <dd>
                  <Time at={agent.lastSeenAt} />
                </dd>
              </>
            )}
          </dl>
        )}
      </div>
      <Notices agent={agent} />
      <Timeline agent={agent} />
      {agent.status !== 'deleted' && agent.status !== 'deleting' && (
        <>
          <Credentials {...part} />
          <SupportAccess {...part} />
        </>
      )}
      <section aria-labelledby="trail-title">
        <h2 id="trail-title">Audit trail of this agent</h2>
        <AgentTrail agent={agent} />
      </section>
      <DangerZone {...part} />
    </div>
  )
}
