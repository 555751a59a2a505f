import { useEffect } from 'preact/hooks'
import type { AgentBody } from '../../lambdas/contract/agents.ts'
import type { CredentialKind } from '../../lambdas/contract/credential-kinds.ts'
import { call } from '../api.ts'
import { clearAnswered, Form, readText, SubmitButton, useForm } from './form.tsx'
import { SecretField } from './secret-field.tsx'

interface EditorProps {
  agentId: AgentBody['id']
  kind: CredentialKind
  onStored: (agent: AgentBody) => void
  onClose: () => void
}

/** Takes one new token for one kind and stores it; the field is emptied as soon as it was answered. */
export const CredentialEditor = ({ agentId, kind, onStored, onClose }: EditorProps) => {
  const name = `edit-${kind}`
  const form = useForm({ [kind]: name, credentials: name })
  useEffect(() => document.getElementById(name)?.focus(), [])
  const send = async (element: HTMLFormElement) => {
    const result = await call('PATCH /api/agents/{id}/credentials', {
      params: { id: agentId },
      body: { [kind]: readText(element, name).trim() },
    })
    clearAnswered(element, result)
    if (!result.ok) return result.error
    onStored(result.value.agent)
    return null
  }
  return (
    <Form form={form} send={send} autocomplete="off">
      <SecretField kind={kind} name={name} error={form.errorOf(name)} />
      <div class="row">
        <SubmitButton busy={form.busy}>Store it</SubmitButton>
        <button type="button" onClick={onClose}>
          Leave it
        </button>
      </div>
    </Form>
  )
}
