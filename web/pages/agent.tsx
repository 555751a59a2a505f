import { useState } from 'preact/hooks'
import type { AgentBody } from '../../lambdas/contract/agents.ts'
import type { CredentialKind } from '../../lambdas/contract/credential-kinds.ts'
import { type ApiError, call } from '../api.ts'
import { useApp } from '../parts/app-state.tsx'
import { Loading, PageTitle, Problem, TableHead, useLater, useLoaded } from '../parts/common.tsx'
import { Status } from '../parts/status.tsx'
import { Time } from '../parts/time.tsx'
import { isPassing, STATUS_WORDS, statusSentence } from '../states.ts'
import { KIND_NAMES, KINDS } from '../words.ts'

interface Part {
  agent: AgentBody
  update: (agent: AgentBody) => void
}

/** One call at a time on behalf of a button; its failure stands beside the button. */
const useAction = (update: (agent: AgentBody) => void) => {
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

const Timeline = ({ agent }: { agent: AgentBody }) => (
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

const loadConfirm = () => import('../parts/confirm.tsx')
const loadEditor = () => import('../parts/credential-editor.tsx')
const loadTrail = () => import('./audit.tsx')

const CredentialRow = ({ agent, update, kind }: Part & { kind: CredentialKind }) => {
  const { who } = useApp()
  const [editing, setEditing] = useState(false)
  const [removing, setRemoving] = useState(false)
  const action = useAction(update)
  const editor = useLater(editing, loadEditor)
  const confirm = useLater(removing, loadConfirm)
  const state = agent.credentials[kind]
  const by = state.updatedBy === who?.account?.id ? 'you' : 'a colleague'
  const remove = () =>
    action.run(() => call('PATCH /api/agents/{id}/credentials', { params: { id: agent.id }, body: { [kind]: null } }))
  return (
    <tr>
      <th scope="row">{KIND_NAMES[kind]}</th>
      <td data-label="State">
        {state.provided && state.updatedAt !== undefined && (
          <>
            provided, by {by}, <Time at={state.updatedAt} />
          </>
        )}
        {!state.provided && <span class="quiet">not provided</span>}
        {action.error !== null && <Problem error={action.error} />}
        {editing && editor !== null && (
          <editor.CredentialEditor
            agentId={agent.id}
            kind={kind}
            onClose={() => setEditing(false)}
            onStored={(next) => {
              setEditing(false)
              update(next)
            }}
          />
        )}
        {confirm !== null && (
          <confirm.Confirm
            open={removing}
            title={`Remove the ${KIND_NAMES[kind]} of ${agent.name}?`}
            action="Remove it"
            onClose={() => setRemoving(false)}
            onConfirm={() => {
              setRemoving(false)
              void remove()
            }}
          >
            <p>The agent stops using it. The other credentials stay. To undo this you need the token again.</p>
          </confirm.Confirm>
        )}
      </td>
      <td class="actions">
        {!editing && (
          <button
            type="button"
            class="plain"
            onClick={() => setEditing(true)}
            aria-label={`${state.provided ? 'Replace' : 'Add'} the ${KIND_NAMES[kind]}`}
          >
            {state.provided ? 'Replace' : 'Add'}
          </button>
        )}
        {!editing && state.provided && (
          <button
            type="button"
            class="plain"
            onClick={() => setRemoving(true)}
            aria-label={`Remove the ${KIND_NAMES[kind]}`}
          >
            Remove
          </button>
        )}
      </td>
    </tr>
  )
}

const Credentials = (part: Part) => (
  <section aria-labelledby="credentials-title">
    <h2 id="credentials-title">Credentials</h2>
    <p class="quiet">
      Kept in this agent’s own secret under your tenant’s own key. What is stored is never shown; to see whether it
      works, ask the agent.
    </p>
    <table class="stacked">
      <caption class="visually-hidden">Credentials of {part.agent.name}</caption>
      <TableHead columns={['Kind', 'State']} hasActions />
      <tbody>
        {KINDS.map((kind) => (
          <CredentialRow key={kind} {...part} kind={kind} />
        ))}
      </tbody>
    </table>
  </section>
)

const SupportAccess = ({ agent, update }: Part) => {
  const action = useAction(update)
  const set = (enabled: boolean) =>
    action.run(() => call('PUT /api/agents/{id}/support-access', { params: { id: agent.id }, body: { enabled } }))
  return (
    <section aria-labelledby="support-title">
      <h2 id="support-title">Support access</h2>
      <p role="status">
        {agent.supportAccess
          ? 'Allowed: a support engineer may connect to this machine for minutes at a time. Each time is in your audit trail.'
          : 'Off: this machine accepts no connection. Nobody can repair it from outside.'}
      </p>
      {action.error !== null && <Problem error={action.error} />}
      <div>
        <button type="button" aria-disabled={action.busy} onClick={() => void set(!agent.supportAccess)}>
          {action.busy ? 'One moment…' : agent.supportAccess ? 'Turn support access off' : 'Allow support access'}
        </button>
      </div>
    </section>
  )
}

const LIFECYCLE = {
  ready: ['POST /api/agents/{id}/stop', 'Stop'],
  stopped: ['POST /api/agents/{id}/start', 'Start'],
  failed: ['POST /api/agents/{id}/retry', 'Try again'],
} as const

const isRestState = (status: string): status is keyof typeof LIFECYCLE => status in LIFECYCLE

const Lifecycle = ({ agent, update }: Part) => {
  const action = useAction(update)
  if (!isRestState(agent.status)) return null
  const [operation, word] = LIFECYCLE[agent.status]
  return (
    <div class="stack">
      {action.error !== null && <Problem error={action.error} />}
      <div>
        <button
          type="button"
          class={agent.status === 'ready' ? undefined : 'primary'}
          aria-disabled={action.busy}
          onClick={() => void action.run(() => call(operation, { params: { id: agent.id } }))}
        >
          {action.busy ? 'One moment…' : `${word} ${agent.status === 'failed' ? '' : agent.name}`}
        </button>
      </div>
    </div>
  )
}

const DangerZone = ({ agent, update }: Part) => {
  const action = useAction(update)
  const [asking, setAsking] = useState(false)
  const confirm = useLater(asking, loadConfirm)
  if (agent.status === 'deleting' || agent.status === 'deleted') return null
  return (
    <section aria-labelledby="danger-title">
      <h2 id="danger-title">Delete this agent</h2>
      <p>Its machine and everything on it go away, and its secret is scheduled for deletion. This cannot be undone.</p>
      {action.error !== null && <Problem error={action.error} />}
      <div>
        <button type="button" class="danger" aria-disabled={action.busy} onClick={() => setAsking(true)}>
          Delete {agent.name}
        </button>
      </div>
      {confirm !== null && (
        <confirm.Confirm
          open={asking}
          title={`Delete ${agent.name}?`}
          action="Delete for good"
          typeToConfirm={agent.name}
          onClose={() => setAsking(false)}
          onConfirm={() => {
            setAsking(false)
            void action.run(() => call('DELETE /api/agents/{id}', { params: { id: agent.id } }))
          }}
        >
          <p>The machine, its data and its credentials go away.</p>
        </confirm.Confirm>
      )}
    </section>
  )
}

const AgentTrail = ({ agent }: Pick<Part, 'agent'>) => {
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

export const AgentPage = () => {
  const { path } = useApp()
  const id = path.split('/')[2] ?? ''
  const { loaded, stale, reload, set } = useLoaded(
    () => call('GET /api/agents/{id}', { params: { id } }),
    ({ agent }) => isPassing(agent.status),
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
            <Status status={agent.status} unreachableSince={agent.unreachableSince} />
          </p>
          <p class="quiet">{agent.reason === undefined ? statusSentence(agent) : ''}</p>
        </div>
        {agent.reason !== undefined && (
          <div class={agent.status === 'failed' ? 'notice bad' : 'notice warn'}>
            <p>{agent.reason.message}</p>
            <p>
              <strong>What next:</strong> {agent.reason.nextStep}
            </p>
          </div>
        )}
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
