import { useState } from 'preact/hooks'
import type { CredentialKind } from '../../../lambdas/contract/credential-kinds.ts'
import { call } from '../../api.ts'
import { useApp } from '../../parts/app-state.tsx'
import { Problem, TableHead, useLater } from '../../parts/common.tsx'
import { Time } from '../../parts/time.tsx'
import { KIND_NAMES, KINDS } from '../../words.ts'
import { loadConfirm, type Part, useAction } from './part.ts'

const loadEditor = () => import('../../parts/credential-editor.tsx')

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

export const Credentials = (part: Part) => (
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
