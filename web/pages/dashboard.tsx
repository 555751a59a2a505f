import type { AgentBody } from '../../lambdas/contract/agents.ts'
import { call } from '../api.ts'
import { Loading, PageTitle, Problem, TableHead, useLoaded } from '../parts/common.tsx'
import { Status } from '../parts/status.tsx'
import { Time } from '../parts/time.tsx'
import { isMoving, stateWords } from '../states.ts'
import { KIND_NAMES, KINDS } from '../words.ts'

const credentialWords = ({ credentials }: AgentBody): string => {
  const names = KINDS.filter((kind) => credentials[kind].provided).map((kind) => KIND_NAMES[kind])
  return names.length === 0 ? 'none yet' : names.join(', ')
}

const sinceOf = ({ timeline, updatedAt }: AgentBody): string => timeline.at(-1)?.at ?? updatedAt

const Row = ({ agent }: { agent: AgentBody }) => (
  <tr>
    <th scope="row">
      <a href={`/agents/${agent.id}`}>{agent.name}</a>
    </th>
    <td data-label="State">
      <Status {...agent} />
      {agent.reason !== undefined && <p class="small quiet">{agent.reason.message}</p>}
    </td>
    <td data-label="Since">
      <Time at={sinceOf(agent)} />
    </td>
    <td data-label="Credentials">{credentialWords(agent)}</td>
    <td data-label="Support access">{agent.supportAccess ? 'allowed' : 'off'}</td>
  </tr>
)

export const Dashboard = () => {
  const { loaded, stale, reload } = useLoaded(
    () => call('GET /api/agents', { query: { limit: '100' } }),
    ({ agents }) => agents.some(isMoving),
    [],
  )
  if (loaded.state !== 'ready') {
    return (
      <div class="stack">
        <PageTitle title="Agents">Your agents</PageTitle>
        {loaded.state === 'loading' ? <Loading what="your agents" /> : <Problem error={loaded.error} retry={reload} />}
      </div>
    )
  }
  const { agents } = loaded.value
  return (
    <div class="stack loose">
      <div class="row apart">
        <PageTitle title="Agents">Your agents</PageTitle>
        {agents.length > 0 && (
          <a class="button primary" href="/agents/new">
            Onboard an agent
          </a>
        )}
      </div>
      {stale !== null && <Problem error={stale} retry={reload} />}
      <p class="visually-hidden" role="status">
        {agents.map((agent) => `${agent.name}: ${stateWords(agent)}`).join(', ')}
      </p>
      {agents.length === 0 ? (
        <div class="stack">
          <p>
            You have no agents yet. Onboarding one takes a name and a token or two; it then gets a machine of its own.
          </p>
          <div>
            <a class="button primary" href="/agents/new">
              Onboard your first agent
            </a>
          </div>
        </div>
      ) : (
        <table class="stacked">
          <caption>
            {agents.length === 1 ? 'One agent' : `${agents.length} agents`}, newest first. Nobody outside your tenant
            sees this list.
          </caption>
          <TableHead columns={['Name', 'State', 'Since', 'Credentials', 'Support access']} />
          <tbody>
            {agents.map((agent) => (
              <Row key={agent.id} agent={agent} />
            ))}
          </tbody>
        </table>
      )}
    </div>
  )
}
