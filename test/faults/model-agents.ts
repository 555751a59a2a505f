import { CREDENTIAL_KINDS } from '../../lambdas/contract/credential-kinds.ts'
import { IDEMPOTENCY_SECONDS } from '../../lambdas/contract/facts.ts'
import type { Harness } from '../support/harness.ts'
import type { Caller, Draw, Plan, Verb } from './model-calls.ts'
import { type AgentFact, isGone, textOfValues } from './model-facts.ts'
import { ANA, pickFrom, ROOT, SUE, TENANTS } from './model-cast.ts'
import { type KeyState, keysMayBeGone, MARGIN, type Model } from './model-state.ts'
import { PUBLIC_KEY } from './workflows.ts'

/** What tenants and support do with agents, and what each must be answered. */

const VALUES: Record<string, readonly string[]> = {
  claudeCodeToken: [`sk-ant-oat01-${'Qw7z'.repeat(10)}`, `sk-ant-oat01-${'Rt5y'.repeat(10)}`],
  anthropicApiKey: [`sk-ant-api03-${'Pl2m'.repeat(10)}`, `sk-ant-api03-${'Ok9n'.repeat(10)}`],
  githubToken: [`ghp_${'Ij8b'.repeat(9)}`, `ghp_${'Uh4v'.repeat(9)}`],
  slackBotToken: [`xoxb-${'Yg6c'.repeat(9)}`, `xoxb-${'Tf3x'.repeat(9)}`],
  slackAppToken: [`xapp-1-${'Rd1s'.repeat(9)}`, `xapp-1-${'Es7w'.repeat(9)}`],
}
/** Every credential there is: none may lie about. */
export const PLANTED = Object.values(VALUES).flat()

const NAMES = ['Ada', 'Bo', 'Cleo'] as const

const valueOf = (kind: string, which: number): string => pickFrom(VALUES[kind] ?? [], which) ?? ''

export const FIRST_CREDENTIALS = { claudeCodeToken: valueOf('claudeCodeToken', 0) }
const CREDENTIALS_OF_NEW = [
  FIRST_CREDENTIALS,
  { anthropicApiKey: valueOf('anthropicApiKey', 0), githubToken: valueOf('githubToken', 0) },
]

const isUsable = (values: Record<string, string>): boolean =>
  values.claudeCodeToken !== undefined || values.anthropicApiKey !== undefined

/** How a repeat of an idempotency key is to be answered: like the first time, as something else, or nobody can say. */
const judgeKey = (model: Model, known: KeyState | undefined, content: string): 'new' | 'same' | 'other' | 'unclear' => {
  if (known === undefined) return 'new'
  const age = model.now() - known.at
  if (age > IDEMPOTENCY_SECONDS * 1000 + MARGIN) return 'new'
  if (age > IDEMPOTENCY_SECONDS * 1000 - MARGIN || keysMayBeGone(model, known.at)) return 'unclear'
  return known.content === content ? 'same' : 'other'
}

const AGENTS_AT_MOST = 10

const onboard = (model: Model, draw: Draw, { tenantId }: Caller): Plan => {
  const name = pickFrom(NAMES, draw.pick) ?? 'Ada'
  const credentials = pickFrom(CREDENTIALS_OF_NEW, draw.other) ?? {}
  const body = { name, credentials, supportAccess: draw.flag }
  const content = JSON.stringify(body)
  const keyName = `${tenantId} key ${draw.other % 3}`
  const known = model.keys.get(keyName)
  const key = judgeKey(model, known, content)
  const agents = Object.values(model.facts.agents).filter((agent) => agent.tenantId === tenantId)
  const isFree = !agents.some((agent) => agent.name === name && agent.status !== 'deleted')
  const isRoom = agents.filter(({ status }) => status !== 'deleted').length < AGENTS_AT_MOST
  const given = textOfValues(credentials as Record<string, string>)
  const begun = known === undefined ? undefined : model.facts.agents[known.agentId]
  const request = {
    method: 'POST',
    path: '/api/agents',
    body,
    headers: { 'idempotency-key': keyName.replaceAll(' ', '-') },
  }
  const remember = (agentId: string, answer: string | null): void => {
    if (tenantId !== null)
      model.keys.set(keyName, { content, agentId, answer, at: known?.agentId === agentId ? known.at : model.now() })
  }
  if (key === 'other') return { request, statuses: [422] }
  if (key === 'same' && known !== undefined) {
    const wasHalf = begun !== undefined && begun.values === null && !isGone(begun)
    return {
      request,
      statuses: known.answer !== null ? [202] : begun === undefined || isGone(begun) ? [202, 409] : [202],
      changes: wasHalf && known.answer === null ? [`agent ${known.agentId} holds null > ${given}`] : [],
      mayAlso: known.answer === null ? new RegExp(`^agent ${known.agentId} is failed > requested$`) : undefined,
      after: ({ reply, isAcknowledged }) => {
        if (!isAcknowledged) return
        if (known.answer !== null && known.answer !== reply?.text)
          throw new Error('I-23 the same call is answered otherwise')
        remember(known.agentId, reply?.text ?? null)
      },
    }
  }
  const mayBegin = isFree && isRoom
  return {
    request,
    statuses: key === 'unclear' ? [202, 409, 422] : [mayBegin ? 202 : 409],
    changes: key === 'unclear' ? [] : [`new agent of ${tenantId}: ${name} ${draw.flag} ${given}`],
    mayAlso:
      key === 'unclear'
        ? /^new agent of |^agent \S+ (?:holds null|is failed) > /
        : new RegExp(`^new agent of ${tenantId}: ${name} ${draw.flag} null$`),
    inParts: true,
    after: ({ reply, isAcknowledged, before }) => {
      const made = Object.keys(model.facts.agents).find((id) => before.agents[id] === undefined)
      const agentId = isAcknowledged ? String(reply?.body.agent.id) : made
      if (agentId !== undefined) remember(agentId, isAcknowledged ? (reply?.text ?? null) : null)
    },
  }
}

const list = (model: Model, _draw: Draw, { tenantId }: Caller): Plan => ({
  request: { method: 'GET', path: '/api/agents' },
  statuses: [200],
  after: ({ reply, isAcknowledged }) => {
    if (!isAcknowledged) return
    const shown = ((reply?.body.agents ?? []) as { id: string }[]).map(({ id }) => id).toSorted()
    const there = Object.entries(model.facts.agents)
      .filter(([, agent]) => agent.tenantId === tenantId && agent.status !== 'deleted')
      .map(([id]) => id)
      .toSorted()
    if (shown.join() !== there.join()) throw new Error(`lists ${shown.join()} where there are ${there.join()}`)
  },
})

/** A plan about one agent, mostly one where it can be done: another tenant's is answered as one that is not there. */
const about =
  (
    plan: (model: Model, draw: Draw, agent: AgentFact, id: string) => Plan,
    isFit: (agent: AgentFact) => boolean = (agent) => !isGone(agent),
  ): Verb['plan'] =>
  (model, draw, { tenantId }) => {
    const all = Object.entries(model.facts.agents)
    const own = all.filter(([, agent]) => agent.tenantId === tenantId)
    const fit = own.filter(([, agent]) => isFit(agent))
    const others = own.length === 0 || draw.pick % 8 === 7 ? all : own
    const found = pickFrom(fit.length > 0 && draw.pick % 4 !== 3 ? fit : others, draw.pick)
    if (found === undefined) return null
    const [id, agent] = found
    const planned = plan(model, draw, agent, id)
    return agent.tenantId === tenantId ? planned : { request: planned.request, statuses: [404] }
  }

const get = about((_model, _draw, agent, id) => ({
  request: { method: 'GET', path: `/api/agents/${id}` },
  statuses: [200],
  after: ({ reply, isAcknowledged }) => {
    const shown = reply?.body?.agent
    if (isAcknowledged && (shown.status !== agent.status || shown.supportAccess !== agent.support))
      throw new Error(`is shown as ${shown.status}, ${shown.supportAccess}`)
  },
}))

const patch = about((_model, draw, agent, id) => {
  const first = pickFrom(CREDENTIAL_KINDS, draw.other) ?? 'githubToken'
  const second = pickFrom(CREDENTIAL_KINDS, draw.other + 1 + (draw.pick % 3)) ?? 'githubToken'
  const body: Record<string, string | null> = {
    [first]: draw.flag ? null : valueOf(first, draw.pick),
    ...(draw.other % 2 === 0 ? { [second]: valueOf(second, draw.pick + 1) } : {}),
  }
  const kept = Object.fromEntries(JSON.parse(agent.values ?? '[]') as [string, string][])
  const next = Object.fromEntries(
    Object.entries({ ...kept, ...body }).filter((entry): entry is [string, string] => entry[1] !== null),
  )
  const text = textOfValues(next)
  return {
    request: { method: 'PATCH', path: `/api/agents/${id}/credentials`, body },
    statuses: [isGone(agent) ? 409 : isUsable(next) ? 200 : 400],
    changes: text === agent.values ? [] : [`agent ${id} holds ${agent.values} > ${text}`],
    action: 'agent.credentials_changed',
    // Who handed over a credential last is a fact too.
    isAlwaysTold: true,
  }
})

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Works the queue off while a call waits for it, as the provisioner would. */
const workUntil = async (house: Harness, answer: Promise<unknown>): Promise<void> => {
  let isAnswered = false
  const end = () => {
    isAnswered = true
  }
  answer.then(end, end)
  while (!isAnswered) {
    await house.work().catch(() => 0)
    await turnOfLoop()
  }
}

const setSupport = about((_model, draw, agent, id) => ({
  request: { method: 'PUT', path: `/api/agents/${id}/support-access`, body: { enabled: draw.flag } },
  statuses: [isGone(agent) ? 409 : 200],
  changes: agent.support === draw.flag ? [] : [`agent ${id} allows support ${agent.support} > ${draw.flag}`],
  action: draw.flag ? 'agent.support_access_on' : 'agent.support_access_off',
  ...(draw.flag
    ? {}
    : // What works beside it does what else is due.
      { mayBeLate: true, beside: workUntil, mayAlso: /^agent \S+ is \w+ > \w+$/, inParts: true }),
}))

const lifecycle = (name: 'stop' | 'start' | 'retry' | 'delete', from: readonly string[], to: string) =>
  about(
    (_model, _draw, agent, id) => {
      const mayBe = from.includes(agent.status)
      const isRepeat = name === 'delete' && isGone(agent)
      return {
        request:
          name === 'delete'
            ? { method: 'DELETE', path: `/api/agents/${id}` }
            : { method: 'POST', path: `/api/agents/${id}/${name}` },
        statuses: [mayBe || isRepeat ? 202 : 409],
        changes: mayBe ? [`agent ${id} is ${agent.status} > ${to}`] : [],
        action: `agent.${name}_requested`,
      }
    },
    (agent) => from.includes(agent.status),
  )

const LIVING = ['requested', 'launching', 'booting', 'ready', 'stopping', 'stopped', 'starting', 'failed']

const certify = (model: Model, draw: Draw): Plan | null => {
  const found = pickFrom(Object.entries(model.facts.agents), draw.pick)
  if (found === undefined) return null
  const [agentId, agent] = found
  const isUp = agent.hasInstance && agent.pathOpen && (agent.status === 'booting' || agent.status === 'ready')
  const isThere = agent.attempt > 0 && agent.status !== 'deleted'
  return {
    request: {
      method: 'POST',
      path: '/api/support/certificates',
      body: { agentId, publicKey: PUBLIC_KEY, reason: 'Ticket 1: does not answer' },
    },
    statuses: [!isThere ? 404 : !agent.support ? 403 : isUp ? 201 : 409],
    action: 'support.certificate_issued',
  }
}

const SUPPORTERS = [SUE, SUE, SUE, ROOT, ANA] as const

const tenantVerb = (plan: Verb['plan']): Verb => ({ access: 'tenant', people: TENANTS, plan })

export const AGENT_VERBS: Record<string, Verb> = {
  onboard: tenantVerb(onboard),
  'list agents': tenantVerb(list),
  'read an agent': tenantVerb(get),
  'change credentials': tenantVerb(patch),
  'set support access': tenantVerb(setSupport),
  stop: tenantVerb(lifecycle('stop', ['ready', 'booting'], 'stopping')),
  start: tenantVerb(lifecycle('start', ['stopped'], 'starting')),
  retry: tenantVerb(lifecycle('retry', ['failed'], 'requested')),
  delete: tenantVerb(lifecycle('delete', LIVING, 'deleting')),
  'list supported agents': {
    access: 'support',
    people: SUPPORTERS,
    plan: () => ({ request: { method: 'GET', path: '/api/support/agents' }, statuses: [200] }),
  },
  'ask for a certificate': { access: 'support', people: SUPPORTERS, plan: certify },
}
