import { useEffect, useState } from 'preact/hooks'
import type { AuditAction } from '../../lambdas/contract/audit.ts'
import { type AnswerOf, type ApiError, type ApiResult, call } from '../api.ts'
import { useApp, type WhoAmI } from '../parts/app-state.tsx'
import { Loading, PageTitle, Problem, TableHead } from '../parts/common.tsx'
import { Time } from '../parts/time.tsx'
import { isKind, KIND_NAMES } from '../words.ts'

type Page = AnswerOf<'GET /api/audit'>
type Event = Page['events'][number]

/** What happened, after "who": `{agent}` stands for the agent's name, `{kinds}` for kinds of credentials. */
const PREDICATES: Record<AuditAction, string> = {
  'invite.issued': 'issued an invite',
  'invite.resent': 'sent an invite again; its older link is dead',
  'invite.revoked': 'revoked an invite',
  'invite.redeemed': 'joined with an invite',
  'invite.refused': 'was refused with an invite',
  'invite.mailed': 'mailed an invite',
  'session_keys.rotated': 'rotated the keys that sign sessions',
  'origin_proof.rotated': 'rotated what the edge proves itself with',
  'agent_release.published': 'signed a release of what agents’ machines run',
  'invite.mail_failed': 'could not mail an invite',
  'bootstrap.refused': 'was refused a second first-admin invite',
  'account.signed_in': 'signed in',
  'account.sign_in_refused': 'failed to sign in',
  'account.signed_out': 'signed out',
  'account.password_changed': 'changed the password; every other session ended',
  'account.password_change_refused': 'gave a wrong current password',
  'account.changed': 'changed a staff account',
  'session.ended': 'ended a session',
  'session.others_ended': 'ended every other session',
  'token.created': 'created an API token',
  'token.revoked': 'revoked an API token',
  'tenant.suspended': 'suspended the tenant',
  'tenant.resumed': 'resumed the tenant',
  'tenant.key_replaced': 'gave the tenant a new encryption key',
  'access.denied': 'was denied something that was not theirs',
  'agent.onboarded': 'onboarded {agent}',
  'agent.credentials_changed': 'changed the {kinds} of {agent}',
  'agent.support_access_on': 'allowed support access to {agent}',
  'support.certificate_issued': 'was let in to {agent} until {until}, giving as the reason “{reason}”',
  'support.session_opened': 'says that {visitor} logged in to {agent}',
  'support.session_closed': 'says that {visitor} logged out of {agent}',
  'agent.support_access_off': 'turned support access to {agent} off',
  'agent.stop_requested': 'asked {agent} to stop',
  'agent.start_requested': 'asked {agent} to start',
  'agent.retry_requested': 'asked for another try of {agent}',
  'agent.delete_requested': 'asked to delete {agent}',
  'agent.launching': 'is starting a machine for {agent}',
  'agent.booting': 'has a machine for {agent}',
  'agent.ready': 'reported ready',
  'agent.stopped': 'stopped the machine of {agent}',
  'agent.failed': 'gave up on {agent}',
  'agent.quarantined': 'cut off the machine of {agent}: the software on it is not what we put there',
  'agent.deleted': 'removed {agent} and its secret',
  'agent.enrolled': 'proved which machine it is',
  'agent.enroll_refused': 'was refused: its machine is not the right one',
  'stray.ended': 'ended {stray} that nothing used any more',
}

const ACTORS: Record<Event['actor']['kind'], string> = {
  tenant: 'A colleague',
  admin: 'An admin',
  support: 'A support engineer',
  system: 'Vestibule',
  agent: 'The agent',
  stranger: 'Somebody unknown',
}

const timeOf = (at: string): string => new Date(at).toLocaleTimeString([], { timeStyle: 'short' })

/** Who was behind the certificate that opened a session, by what we know of its serial number. */
const visitorOf = ({ detail }: Event): string =>
  detail.known === true
    ? `a support engineer, let in until ${timeOf(String(detail.until))} for “${detail.reason}”,`
    : 'somebody with a certificate that we never issued'

const STRAYS: Record<string, string> = {
  key: 'an encryption key',
  secret: 'a secret',
  instance: 'a machine',
}

const sentenceOf = (event: Event, names: Readonly<Record<string, string>>, who: WhoAmI | null): string => {
  const actor =
    event.actor.id === who?.account?.id
      ? 'You'
      : event.actor.id === 'operator'
        ? 'The operator'
        : who?.tenant == null && event.actor.kind === 'tenant'
          ? 'A member'
          : ACTORS[event.actor.kind]
  const kinds = String(event.detail.kinds ?? '')
    .split(' ')
    .filter(isKind)
    .map((kind) => KIND_NAMES[kind])
  const agent = names[event.target] ?? event.detail.name ?? 'an agent'
  const words: Record<string, string> = {
    agent: String(agent),
    kinds: kinds.join(' and '),
    stray: STRAYS[String(event.detail.kind)] ?? 'something',
    reason: String(event.detail.reason ?? ''),
    until: timeOf(String(event.detail.until ?? event.at)),
    visitor: visitorOf(event),
  }
  const predicate = PREDICATES[event.action].replaceAll(/\{(\w+)\}/g, (_, word: string) => words[word] ?? '')
  return `${actor} ${predicate}.`.replace('You was', 'You were')
}

interface TrailProps {
  load: (cursor: { cursor?: string }) => Promise<ApiResult<Page>>
  names?: Readonly<Record<string, string>>
  /** Loads again from the start when this changes. */
  version?: string
  showTenant?: boolean
}

/** A readable sentence per event; the raw event on demand. */
export const Trail = ({ load, names = {}, version = '', showTenant = false }: TrailProps) => {
  const { who } = useApp()
  const [events, setEvents] = useState<Event[] | null>(null)
  const [next, setNext] = useState<string | undefined>()
  const [error, setError] = useState<ApiError | null>(null)
  const more = async (cursor: string | undefined, before: readonly Event[]): Promise<void> => {
    const result = await load(cursor === undefined ? {} : { cursor })
    if (!result.ok) return setError(result.error)
    setError(null)
    setEvents([...before, ...result.value.events])
    setNext(result.value.nextCursor)
  }
  useEffect(() => {
    void more(undefined, [])
  }, [version])
  if (events === null)
    return error === null ? (
      <Loading what="the trail" />
    ) : (
      <Problem error={error} retry={() => void more(undefined, [])} />
    )
  if (events.length === 0) return <p class="quiet">Nothing has happened yet.</p>
  return (
    <div class="stack">
      <table class="stacked">
        <caption class="visually-hidden">Events, newest first</caption>
        <TableHead columns={['When', 'What happened']} />
        <tbody>
          {events.map((event) => (
            <tr key={event.id}>
              <td>
                <Time at={event.at} />
              </td>
              <td>
                {sentenceOf(event, names, who)}
                {showTenant && event.tenantId !== undefined && (
                  <span class="quiet small">
                    {' '}
                    In <code>{event.tenantId}</code>
                  </span>
                )}
                <details>
                  <summary>Details</summary>
                  <pre>
                    <code>{JSON.stringify(event, null, 2)}</code>
                  </pre>
                </details>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {error !== null && <Problem error={error} />}
      {next !== undefined && (
        <div>
          <button type="button" onClick={() => void more(next, events)}>
            Show older events
          </button>
        </div>
      )}
    </div>
  )
}

export const TenantAudit = () => {
  const [names, setNames] = useState<Record<string, string> | null>(null)
  const [agent, setAgent] = useState('')
  useEffect(() => {
    void call('GET /api/agents', { query: { limit: '100', include: 'deleted' } }).then((result) =>
      setNames(result.ok ? Object.fromEntries(result.value.agents.map(({ id, name }) => [id, name])) : {}),
    )
  }, [])
  if (names === null) return <Loading what="the trail" />
  return (
    <div class="stack loose">
      <div class="stack tight">
        <PageTitle title="Audit trail">Audit trail</PageTitle>
        <p class="quiet">
          Everything that was done in your tenant, by you, by staff and by Vestibule itself. Events are linked: none can
          be changed or removed unnoticed.
        </p>
      </div>
      {Object.keys(names).length > 0 && (
        <div class="field">
          <label for="agent-filter">Show</label>
          <select id="agent-filter" value={agent} onChange={(event) => setAgent(event.currentTarget.value)}>
            <option value="">all events</option>
            {Object.entries(names).map(([id, name]) => (
              <option key={id} value={id}>
                only {name}
              </option>
            ))}
          </select>
        </div>
      )}
      <Trail
        names={names}
        version={agent}
        load={(cursor) => call('GET /api/audit', { query: { ...cursor, ...(agent === '' ? {} : { agent }) } })}
      />
    </div>
  )
}

export const AdminAudit = () => (
  <div class="stack loose">
    <PageTitle title="Audit trail">Audit trail of all tenants and staff</PageTitle>
    <Trail showTenant load={(cursor) => call('GET /api/admin/audit', { query: cursor })} />
  </div>
)
