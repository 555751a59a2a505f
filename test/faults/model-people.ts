import type { Caller, Draw, Plan, Settled, Verb } from './model-calls.ts'
import { ADMINS, ANA, EVERYBODY, NEWCOMERS, pickFrom, ROOT, SUE, TENANTS } from './model-cast.ts'
import { PASSWORDS } from './model-facts.ts'
import { either, hashOf, isPending } from './model-invites.ts'
import { endSessions, endTokens, type Model, sessionLetsIn, type SessionState } from './model-state.ts'

/** What people do about accounts, sessions, tokens and tenants, and what each must be answered. */

const newSession = (model: Model, email: string, { reply, cookies, startedAt }: Settled, id: string): SessionState => {
  const now = model.now()
  const session: SessionState = {
    id,
    email,
    cookies: new Map(cookies),
    live: 'yes',
    openedAt: { earliest: startedAt, latest: now },
    usedAt: startedAt,
    triedAt: now,
  }
  if (reply !== null) model.sessions.push(session)
  return session
}

const MOST_SESSIONS = 14

/** Takes a seat after a good sign-in. Of very many sessions the oldest end: which, the model does not count. */
const takeSeat = (model: Model, email: string, seat: string, settled: Settled): void => {
  if (!settled.isAcknowledged) return
  model.seats.set(seat, newSession(model, email, settled, settled.reply?.body.session.id))
  const own = model.sessions.filter((session) => session.email === email)
  for (const old of own.slice(0, -MOST_SESSIONS)) if (old.live === 'yes') old.live = 'maybe'
}

const signUp = (model: Model, draw: Draw, { seat }: Caller): Plan | null => {
  const known = pickFrom(model.codes, draw.pick)
  const invite = known === undefined ? undefined : model.facts.invites[known.inviteId]
  if (known === undefined || invite === undefined) return null
  const email = draw.flag || draw.other % 4 !== 0 ? invite.email : (pickFrom(NEWCOMERS, draw.other) ?? '')
  const password = draw.other % PASSWORDS.length
  const { tenants, accounts } = model.facts
  const opens = invite.tenantId !== null && tenants[invite.tenantId] === undefined
  const isGood =
    hashOf(known.code) === invite.codeHash &&
    email === invite.email &&
    accounts[email] === undefined &&
    (invite.tenantId === null || opens || tenants[invite.tenantId] === 'active')
  return {
    request: {
      method: 'POST',
      path: '/api/signup',
      body: { invite: known.code, email, password: PASSWORDS[password] },
    },
    statuses: either(isGood ? isPending(model, invite) : 'no', 201, 403),
    changes: [
      `new account ${email}: ${invite.role} of ${invite.tenantId} with password ${password}`,
      `invite ${known.inviteId} is pending > redeemed`,
      ...(opens ? [`new tenant ${invite.tenantId}`] : []),
    ],
    action: 'invite.redeemed',
    after: (settled) => takeSeat(model, email, `${email} ${seat.split(' ')[1]}`, settled),
  }
}

const signIn = (model: Model, draw: Draw, { email, seat }: Caller): Plan => {
  const account = model.facts.accounts[email]
  // Mostly the right one: a row of wrong ones closes the door for a quarter of an hour.
  const password = draw.other % 5 === 0 ? draw.pick % PASSWORDS.length : (account?.password ?? 0)
  const isActive =
    account?.status === 'active' && (account.tenantId === null || model.facts.tenants[account.tenantId] === 'active')
  return {
    request: { method: 'POST', path: '/api/login', body: { email, password: PASSWORDS[password] } },
    statuses: [isActive && account.password === password ? 200 : 401],
    action: 'account.signed_in',
    after: (settled) => takeSeat(model, email, seat, settled),
  }
}

const whoAmI = (_model: Model, _draw: Draw, { letsIn, email }: Caller): Plan => ({
  request: { method: 'GET', path: '/api/session' },
  statuses: [200],
  after: ({ reply, isAcknowledged }) => {
    if (!isAcknowledged || letsIn === 'maybe') return
    const shown = reply?.body.account?.email ?? null
    if (shown !== null && (letsIn === 'no' || shown !== email)) throw new Error(`I-08 ${shown} is let in`)
  },
})

/** Comes back with a session that has ended, whoever's it was. */
const comeBack = (model: Model, draw: Draw): Plan | null => {
  const ended = pickFrom(model.sessions.filter(({ live }) => live === 'no').toReversed(), draw.pick)
  if (ended === undefined) return null
  return {
    request: { method: 'GET', path: '/api/session' },
    cookies: ended.cookies,
    statuses: [200],
    after: ({ reply, isAcknowledged }) => {
      if (isAcknowledged && reply?.body.account !== null)
        throw new Error(`I-08 an ended session of ${ended.email} lets in`)
    },
  }
}

const signOut = (_model: Model, _draw: Draw, { session, token, letsIn }: Caller): Plan => ({
  request: { method: 'POST', path: '/api/logout' },
  // A session that is no use any more may be ended all the same.
  statuses: token !== undefined || session === undefined ? [401] : letsIn === 'yes' ? [204] : [204, 401],
  after: ({ isAcknowledged, isUnsure }) => {
    if (session !== undefined && session.live !== 'no' && (isAcknowledged || isUnsure))
      session.live = isAcknowledged ? 'no' : 'maybe'
  },
})

const listSessions = (model: Model, _draw: Draw, { email }: Caller): Plan => ({
  request: { method: 'GET', path: '/api/sessions' },
  statuses: [200],
  after: ({ reply, isAcknowledged }) => {
    if (!isAcknowledged) return
    const shown = new Set(((reply?.body.sessions ?? []) as { id: string }[]).map(({ id }) => id))
    const wrong = model.sessions.find(({ id, live, email: of }) => shown.has(id) && (live === 'no' || of !== email))
    if (wrong !== undefined) throw new Error(`${wrong.id} of ${wrong.email} is listed and ${wrong.live} live`)
  },
})

/** A session that a new password renewed is not told its id. */
const isKnown = (sessionId: string): boolean => sessionId.startsWith('ses_')

const endOne = (model: Model, draw: Draw, { email }: Caller): Plan | null => {
  const found = pickFrom(
    model.sessions.filter(({ id, email: of }) => isKnown(id) && (draw.flag || of === email)),
    draw.pick,
  )
  if (found === undefined) return null
  const isOwn = found.email === email
  return {
    request: { method: 'DELETE', path: `/api/sessions/${found.id}` },
    // One that has expired may have been swept away.
    statuses: !isOwn ? [404] : sessionLetsIn(model, found) === 'yes' ? [204] : [204, 404],
    after: ({ isAcknowledged, isUnsure }) => {
      if (isOwn && found.live !== 'no' && (isAcknowledged || isUnsure)) found.live = isAcknowledged ? 'no' : 'maybe'
    },
  }
}

const endOthers = (model: Model, _draw: Draw, { email, session }: Caller): Plan => ({
  request: { method: 'DELETE', path: '/api/sessions' },
  statuses: [204],
  action: 'session.others_ended',
  after: ({ isAcknowledged, isUnsure }) => {
    if (isAcknowledged || isUnsure)
      endSessions(model, (one) => one.email === email && one !== session, isAcknowledged ? 'no' : 'maybe')
  },
})

const changePassword = (model: Model, draw: Draw, { email, session, seat }: Caller): Plan => {
  const is = model.facts.accounts[email]?.password ?? 0
  const current = draw.other % 5 === 0 ? draw.pick % PASSWORDS.length : is
  const next = draw.pick % PASSWORDS.length
  return {
    request: {
      method: 'POST',
      path: '/api/password',
      body: { currentPassword: PASSWORDS[current], newPassword: PASSWORDS[next] },
    },
    statuses: [current === is ? 204 : 401],
    changes: is === next ? [] : [`account ${email} has password ${is} > ${next}`],
    after: (settled) => {
      const isDone = settled.isAcknowledged || settled.diff.length > 0
      if (!isDone && !settled.isUnsure) return
      endSessions(model, (one) => one.email === email, isDone ? 'no' : 'maybe')
      if (!settled.isAcknowledged || session === undefined) return
      const renewed = newSession(model, email, settled, `renewed ${model.commands}`)
      model.seats.set(seat, { ...renewed, openedAt: session.openedAt })
      model.sessions.splice(model.sessions.indexOf(renewed), 1, model.seats.get(seat) ?? renewed)
    },
  }
}

const TOKENS_AT_MOST = 20

const makeToken = (model: Model, draw: Draw, { email }: Caller): Plan => {
  const id = model.facts.accounts[email]?.id ?? ''
  const own = Object.values(model.facts.tokens).filter((owner) => owner === id).length
  const days = draw.flag ? 1 : 30
  return {
    request: { method: 'POST', path: '/api/tokens', body: { name: 'laptop', expiresInDays: days } },
    statuses: own < TOKENS_AT_MOST ? [201] : [201, 409],
    changes: [`new token of ${id}`],
    action: 'token.created',
    after: ({ reply, isAcknowledged, startedAt }) => {
      if (!isAcknowledged) return
      const expiresAt = startedAt + days * 86_400_000
      model.tokens.push({ id: reply?.body.token.id, email, secret: reply?.body.secret, live: 'yes', expiresAt })
    },
  }
}

const listTokens = (model: Model, _draw: Draw, { email }: Caller): Plan => ({
  request: { method: 'GET', path: '/api/tokens' },
  statuses: [200],
  after: ({ reply, isAcknowledged }) => {
    if (!isAcknowledged) return
    const shown = new Set(((reply?.body.tokens ?? []) as { id: string }[]).map(({ id }) => id))
    const wrong = model.tokens.find(({ id, email: of }) => shown.has(id) && of !== email)
    if (wrong !== undefined) throw new Error(`I-05 a token of ${wrong.email} is listed`)
  },
})

const revokeToken = (model: Model, draw: Draw, { email }: Caller): Plan | null => {
  const found = pickFrom(model.tokens, draw.pick)
  if (found === undefined) return null
  const isThere = model.facts.tokens[found.id] !== undefined && found.email === email
  return {
    request: { method: 'DELETE', path: `/api/tokens/${found.id}` },
    statuses: [isThere ? 204 : 404],
    changes: isThere ? [`token ${found.id} is gone`] : [],
    action: 'token.revoked',
    after: ({ diff }) => {
      if (diff.length > 0) found.live = 'no'
    },
  }
}

const changeStaff = (model: Model, draw: Draw): Plan => {
  const email = pickFrom([SUE, SUE, ROOT, 'cy@example.com', ANA], draw.pick) ?? SUE
  const account = model.facts.accounts[email]
  const wish = ([{ role: 'support' }, { role: 'admin' }, { status: 'suspended' }, { status: 'active' }] as const)[
    draw.other % 4
  ]
  const next = { role: account?.role, status: account?.status, ...wish }
  const isAdmin = (one: { role?: string; status?: string }): boolean => one.role === 'admin' && one.status === 'active'
  const admins = Object.values(model.facts.accounts).filter(isAdmin).length
  const isLast = account !== undefined && isAdmin(account) && !isAdmin(next) && admins === 1
  const isStaff = account !== undefined && account.tenantId === null
  return {
    request: {
      method: 'PATCH',
      path: `/api/admin/accounts/${account?.id ?? `acc_${'0'.repeat(26)}`}`,
      body: wish,
    },
    statuses: [isStaff ? (isLast ? 409 : 200) : 404],
    changes: [
      ...(next.role === account?.role ? [] : [`account ${email} has role ${account?.role} > ${next.role}`]),
      ...(next.status === account?.status ? [] : [`account ${email} stands ${account?.status} > ${next.status}`]),
    ],
    action: 'account.changed',
    after: ({ diff }) => {
      if (!diff.some((change) => change.endsWith('active > suspended'))) return
      endSessions(model, (session) => session.email === email)
      endTokens(model, (token) => token.email === email)
    },
  }
}

const suspend = (model: Model, draw: Draw): Plan | null => {
  const found = pickFrom(Object.entries(model.facts.tenants), draw.pick)
  if (found === undefined) return null
  const [id, status] = found
  const running = Object.entries(model.facts.agents).filter(
    ([, agent]) => agent.tenantId === id && (agent.status === 'ready' || agent.status === 'booting'),
  )
  const suspension = `tenant ${id} is active > suspended`
  return {
    request: { method: 'POST', path: `/api/admin/tenants/${id}/suspend`, body: {} },
    statuses: [200],
    changes: [
      ...(status === 'active' ? [suspension] : []),
      ...running.map(([agentId, agent]) => `agent ${agentId} is ${agent.status} > stopping`),
    ],
    inParts: true,
    after: ({ diff }) => {
      model.everSuspended.add(id)
      if (!diff.includes(suspension)) return
      const isOf = ({ email }: { email: string }): boolean => model.facts.accounts[email]?.tenantId === id
      endSessions(model, isOf)
      endTokens(model, isOf)
    },
  }
}

const resume = (model: Model, draw: Draw): Plan | null => {
  const all = Object.entries(model.facts.tenants)
  const suspended = all.filter(([, status]) => status === 'suspended')
  const found = pickFrom(suspended.length > 0 ? suspended : all, draw.pick)
  if (found === undefined) return null
  const [id, status] = found
  return {
    request: { method: 'POST', path: `/api/admin/tenants/${id}/resume` },
    statuses: [200],
    changes: status === 'suspended' ? [`tenant ${id} is suspended > active`] : [],
    action: 'tenant.resumed',
  }
}

const read =
  (path: string): Verb['plan'] =>
  () => ({ request: { method: 'GET', path }, statuses: [200] })

const verb = (access: Verb['access'], people: readonly string[], plan: Verb['plan']): Verb => ({ access, people, plan })

export const PEOPLE_VERBS: Record<string, Verb> = {
  'list invites': verb('admin', ADMINS, read('/api/admin/invites')),
  'list tenants': verb('admin', ADMINS, read('/api/admin/tenants')),
  'list staff': verb('admin', ADMINS, read('/api/admin/accounts')),
  'read all trails': verb('admin', ADMINS, read('/api/admin/audit')),
  'sign up': verb('public', EVERYBODY, signUp),
  'sign in': verb('public', EVERYBODY, signIn),
  'come back with an ended session': verb('public', EVERYBODY, comeBack),
  'who am I': verb('public', EVERYBODY, whoAmI),
  health: verb('public', EVERYBODY, read('/api/health')),
  'the API as a document': verb('public', EVERYBODY, read('/api/openapi.json')),
  'sign out': verb('public', EVERYBODY, signOut),
  'list sessions': verb('account', EVERYBODY, listSessions),
  'end one session': verb('account', EVERYBODY, endOne),
  'end the other sessions': verb('account', EVERYBODY, endOthers),
  'change the password': verb('account', EVERYBODY, changePassword),
  'make a token': verb('account', EVERYBODY, makeToken),
  'list tokens': verb('account', EVERYBODY, listTokens),
  'revoke a token': verb('account', EVERYBODY, revokeToken),
  'change staff': verb('admin', ADMINS, changeStaff),
  'suspend a tenant': verb('admin', ADMINS, suspend),
  'resume a tenant': verb('admin', [ROOT], resume),
  'read the trail': verb('tenant', TENANTS, read('/api/audit')),
}
