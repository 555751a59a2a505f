import { useState } from 'preact/hooks'
import { SUPPORT_CERTIFICATE_DEFAULT_MINUTES, SUPPORT_CERTIFICATE_MAX_MINUTES } from '../../lambdas/contract/facts.ts'
import { type AnswerOf, call } from '../api.ts'
import { Loading, PageTitle, Problem, TableHead, useLoaded } from '../parts/common.tsx'
import { describedBy, Field, Form, readText, SubmitButton, useForm } from '../parts/form.tsx'
import { ShownOnce } from '../parts/shown-once.tsx'
import { Status } from '../parts/status.tsx'
import { Time } from '../parts/time.tsx'

type SupportedAgent = AnswerOf<'GET /api/support/agents'>['agents'][number]
type Issued = AnswerOf<'POST /api/support/certificates'>

const KEY_FILE = 'vestibule-key'
const MINUTES = [SUPPORT_CERTIFICATE_DEFAULT_MINUTES, 10, SUPPORT_CERTIFICATE_MAX_MINUTES]

const connectCommand = ({ instanceId }: Issued): string =>
  `ssh -i ${KEY_FILE} -o ProxyCommand='aws ec2-instance-connect open-tunnel --instance-id ${instanceId}' support@${instanceId}`

const CertificateForm = ({
  agents,
  onIssued,
}: {
  agents: readonly SupportedAgent[]
  onIssued: (issued: Issued) => void
}) => {
  const form = useForm()
  const send = async (element: HTMLFormElement) => {
    const result = await call('POST /api/support/certificates', {
      body: {
        agentId: readText(element, 'agentId'),
        publicKey: readText(element, 'publicKey').trim(),
        reason: readText(element, 'reason').trim(),
        minutes: Number(readText(element, 'minutes')),
      },
    })
    if (!result.ok) return result.error
    element.reset()
    onIssued(result.value)
    return null
  }
  return (
    <Form form={form} send={send} labels={{ agentId: 'Agent', publicKey: 'Public key', reason: 'Reason' }}>
      <div class="field">
        <label for="agentId">Agent</label>
        <select id="agentId" name="agentId" required>
          {agents.map(({ id, name }) => (
            <option key={id} value={id}>
              {name} · {id}
            </option>
          ))}
        </select>
      </div>
      <Field
        name="reason"
        label="Reason"
        help="The tenant reads it in their audit trail, with your account and until when you were let in."
        error={form.errorOf('reason')}
      >
        <input
          id="reason"
          name="reason"
          type="text"
          maxLength={200}
          autocomplete="off"
          aria-describedby={describedBy('reason', form.errorOf('reason'), true)}
          required
        />
      </Field>
      <Field
        name="publicKey"
        label="Public key"
        help={`Make a throw-away key with: ssh-keygen -t ed25519 -N '' -f ${KEY_FILE}. Paste what is in ${KEY_FILE}.pub.`}
        error={form.errorOf('publicKey')}
      >
        <input
          id="publicKey"
          name="publicKey"
          type="text"
          autocomplete="off"
          spellcheck={false}
          aria-describedby={describedBy('publicKey', form.errorOf('publicKey'), true)}
          required
        />
      </Field>
      <div class="field">
        <label for="minutes">For</label>
        <select id="minutes" name="minutes">
          {MINUTES.map((minutes) => (
            <option key={minutes} value={minutes}>
              {minutes} minutes
            </option>
          ))}
        </select>
      </div>
      <SubmitButton busy={form.busy}>Let me in</SubmitButton>
    </Form>
  )
}

const AgentTable = ({ agents }: { agents: readonly SupportedAgent[] }) => (
  <table class="stacked">
    <caption class="visually-hidden">Agents whose tenants allow support</caption>
    <TableHead columns={['Agent', 'State', 'Machine', 'Changed']} />
    <tbody>
      {agents.map((agent) => (
        <tr key={agent.id}>
          <th scope="row">{agent.name}</th>
          <td data-label="State">
            <Status status={agent.status} />
          </td>
          <td data-label="Machine">{agent.instanceId ?? 'none'}</td>
          <td data-label="Changed">
            <Time at={agent.updatedAt} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)

export const Support = () => {
  const [issued, setIssued] = useState<Issued | null>(null)
  const { loaded, reload } = useLoaded(
    () => call('GET /api/support/agents', { query: { limit: '100' } }),
    () => false,
    [],
  )
  const agents = loaded.state === 'ready' ? loaded.value.agents : []
  const reachable = agents.filter(({ status }) => status === 'ready' || status === 'booting')
  return (
    <div class="stack loose">
      <div class="stack tight">
        <PageTitle title="Support">Support</PageTitle>
        <p class="quiet">
          Agents whose tenants allow support. A certificate opens one of them, for minutes, and is in the tenant’s own
          audit trail.
        </p>
      </div>
      {issued !== null && (
        <div role="status" tabIndex={-1} ref={(box) => box?.focus()} key={issued.certificate} class="stack">
          <ShownOnce
            label={`Save this line as ${KEY_FILE}-cert.pub beside the key. It ends at ${new Date(issued.validUntil).toLocaleTimeString()}.`}
            text={issued.certificate}
          />
          <ShownOnce label="Then connect with this command." text={connectCommand(issued)} />
        </div>
      )}
      {loaded.state === 'loading' && <Loading what="agents" />}
      {loaded.state === 'failed' && <Problem error={loaded.error} retry={reload} />}
      {loaded.state === 'ready' && agents.length === 0 && (
        <p>No tenant allows support at the moment. Ask the tenant to turn it on at their agent’s page.</p>
      )}
      {reachable.length > 0 && <CertificateForm agents={reachable} onIssued={setIssued} />}
      {agents.length > 0 && <AgentTable agents={agents} />}
    </div>
  )
}
