import fc from 'fast-check'
import { rowsOf } from './world.ts'
import { type Browser, type Reply } from '../support/browser.ts'
import { PASSWORD } from '../support/harness.ts'
import { createHistory, isLinearizable } from './linearize.ts'
import { type Explored, type Exploration, explore, type Stage } from './stage.ts'

/** One invite, one account and its sessions: what people do at once, against what they could have done one after another. */

const NEW_PASSWORD = 'another tractor under the sea'
const MAX_ACTORS = 8

const copy = fc.nat(2)

const refuseFaults = (reply: Reply): void => {
  if (reply.status >= 500) throw new Error(`answered ${reply.status} though nothing is broken`)
}

type InviteOp =
  | { verb: 'redeem'; status: number; code: string }
  | { verb: 'revoke'; status: number }
  | { verb: 'resend'; status: number; code: string }

interface InviteState {
  state: 'pending' | 'revoked' | 'redeemed'
  code: string
}

/** An invite, one call after another. */
const stepInvite = (invite: InviteState, op: InviteOp): InviteState[] => {
  const isPending = invite.state === 'pending'
  switch (op.verb) {
    case 'redeem': {
      const isGood = isPending && invite.code === op.code
      if (op.status === 201) return isGood ? [{ ...invite, state: 'redeemed' }] : []
      return op.status === 403 && !isGood ? [invite] : []
    }
    case 'revoke':
      if (op.status === 204) return invite.state === 'redeemed' ? [] : [{ ...invite, state: 'revoked' }]
      return op.status === 409 && invite.state === 'redeemed' ? [invite] : []
    case 'resend':
      if (op.status === 200) return isPending ? [{ ...invite, code: op.code }] : []
      return op.status === 409 && !isPending ? [invite] : []
  }
}

const inviteActor = fc.record({
  verb: fc.constantFrom<InviteOp['verb']>('redeem', 'redeem', 'redeem', 'revoke', 'resend'),
  copy,
  again: fc.boolean(),
})

/** Redeems, revocations and resends of one invite: each answer fits one order of them, and so does what is stored at last. */
export const interleaveInvites = (exploration: Exploration): Promise<Explored> =>
  explore(
    'invite',
    exploration,
    fc.array(inviteActor, { minLength: 2, maxLength: MAX_ACTORS / 2 }),
    async (stage, schedule, actors, number) => {
      const email = `person${number}@example.com`
      const invite = await stage.house(0).invite(stage.admin, { email })
      const history = createHistory<InviteOp>()
      let latest = invite.code
      const acts: Record<InviteOp['verb'], (at: number) => Promise<Reply>> = {
        redeem: (at) => {
          const code = latest
          const browser = stage.house(at).browse({ address: `198.51.100.${at}` })
          return history.record(
            () => browser.post('/api/signup', { invite: code, email, password: PASSWORD }),
            ({ status }) => ({ verb: 'redeem', status, code }),
          )
        },
        revoke: (at) =>
          history.record(
            () => stage.at(stage.admin, at).del(`/api/admin/invites/${invite.id}`),
            ({ status }) => ({ verb: 'revoke', status }),
          ),
        resend: async (at) => {
          const reply = await history.record(
            () => stage.at(stage.admin, at).post(`/api/admin/invites/${invite.id}/resend`),
            ({ status, body }) => ({ verb: 'resend', status, code: stage.house(0).codeOf(body.link ?? '') }),
          )
          if (reply.status === 200) latest = stage.house(0).codeOf(reply.body.link)
          return reply
        },
      }

      await stage.play(
        schedule,
        actors.map(({ verb, copy: at, again }, index) => ({
          name: `${index} ${verb}`,
          act: async () => {
            refuseFaults(await acts[verb](at))
            if (again) refuseFaults(await acts[verb](at + 1))
          },
        })),
      )

      const rows = rowsOf(stage.aws, 'vestibule-directory')
      const stored = rows.find((row) => row.inviteId === invite.id && row.sk === 'INVITE')
      const accounts = rows.filter((row) => row.sk === 'ACCOUNT' && row.email === email)
      const initial: InviteState = { state: 'pending', code: invite.code }
      const fits = isLinearizable(
        history.calls,
        initial,
        stepInvite,
        ({ state }) => state === stored?.state && accounts.length === Number(state === 'redeemed'),
      )
      if (!fits) throw new Error(`no order explains ${JSON.stringify(history.calls)}, stored ${stored?.state}`)
    },
  )

type Seat = 'first' | 'second' | 'renewed'
type SessionOp =
  | { verb: 'use' | 'log out' | 'end others' | 'change password'; seat: Seat; status: number }
  | { verb: 'end one'; seat: Seat; target: Seat; status: number }
  | { verb: 'suspend'; status: number }
  | { verb: 'resume'; status: number }

interface SessionState {
  live: readonly Seat[]
  isActive: boolean
}

/** An account's sessions, one call after another. A password that was changed makes the caller's session a new one. */
const stepSession = (now: SessionState, op: SessionOp): SessionState[] => {
  if (op.verb === 'suspend' || op.verb === 'resume') {
    if (op.status !== 200) return []
    return [op.verb === 'suspend' ? { live: [], isActive: false } : { ...now, isActive: true }]
  }
  const isIn = now.isActive && now.live.includes(op.seat)
  const without = (seat: Seat): SessionState => ({ ...now, live: now.live.filter((other) => other !== seat) })
  // A session that has ended may be ended once more: that changes nothing.
  if (op.verb === 'log out') return op.status === 204 || (op.status === 401 && !isIn) ? [without(op.seat)] : []
  if (op.status === 401) return isIn ? [] : [now]
  // Two sessions may end each other at once: that lets nobody in.
  if (op.verb === 'end one')
    return op.status === 204 || !isIn || !now.live.includes(op.target) ? [without(op.target)] : []
  if (!isIn) return []
  switch (op.verb) {
    case 'use':
      return op.status === 200 ? [now] : []
    case 'end others':
      return op.status === 204 ? [{ ...now, live: [op.seat] }] : []
    case 'change password':
      if (op.status === 204) return [{ ...now, live: ['renewed'] }]
      // Too many changed the account at once: nothing is done, and the caller is told to come again.
      return op.status === 429 ? [now] : []
  }
}

const seat = fc.constantFrom<Exclude<Seat, 'renewed'>>('first', 'second')
const sessionActor = fc.record({
  verb: fc.constantFrom<SessionOp['verb']>('use', 'use', 'log out', 'end others', 'end one', 'suspend'),
  seat,
  copy,
  again: fc.boolean(),
})
const sessionStory = fc.record({
  actors: fc.array(sessionActor, { minLength: 1, maxLength: 3 }),
  /** At most one of them: a second has the wrong password, which is another story. */
  changer: fc.option(fc.record({ seat, copy }), { nil: null }),
  user: fc.record({ seat, copy }),
})

const createSeats = async (stage: Stage, number: number) => {
  const email = `person${number}@example.com`
  const first = await stage.house(0).join(stage.admin, email)
  const second = stage.house(0).browse()
  await second.post('/api/login', { email, password: PASSWORD })
  const seats: Record<Seat, Browser> = { first, second, renewed: stage.house(0).browse() }
  const who = (await second.get('/api/session')).body
  const sessions = (await second.get('/api/sessions')).body.sessions as { id: string; current: boolean }[]
  const idOf = (wanted: Seat): string => sessions.find(({ current }) => current === (wanted === 'second'))?.id ?? 'none'
  return { seats, tenantId: String(who.tenant.id), idOf }
}

/**
 * Uses of two sessions beside what ends them. Each answer fits one order: no call that began after a logout, an end of others, a
 * change of the password or a suspension was answered is let in by a session which that ended.
 */
export const interleaveRevocations = (exploration: Exploration): Promise<Explored> =>
  explore('revocation', exploration, sessionStory, async (stage, schedule, { actors, changer, user }, number) => {
    const { seats, tenantId, idOf } = await createSeats(stage, number)
    const history = createHistory<SessionOp>()
    const at = (wanted: Seat, where: number) => stage.at(seats[wanted], where)
    const keep = async (reply: Promise<Reply>): Promise<Reply> => {
      refuseFaults(await reply)
      return reply
    }
    const act = (verb: SessionOp['verb'], who: Seat, where: number): Promise<Reply> => {
      const target = who === 'first' ? 'second' : 'first'
      const calls: Record<SessionOp['verb'], () => Promise<Reply>> = {
        use: () => at(who, where).get('/api/tokens'),
        'log out': () => at(who, where).post('/api/logout'),
        'end others': () => at(who, where).send('DELETE', '/api/sessions'),
        'end one': () => at(who, where).del(`/api/sessions/${idOf(target)}`),
        resume: () => stage.at(stage.admin, where).post(`/api/admin/tenants/${tenantId}/resume`),
        suspend: () => stage.at(stage.admin, where).post(`/api/admin/tenants/${tenantId}/suspend`, {}),
        'change password': async () => {
          const browser = at(who, where)
          const body = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD }
          const reply = await browser.post('/api/password', body)
          if (reply.status === 204) seats.renewed = browser
          return reply
        },
      }
      return keep(
        history.record(calls[verb], ({ status }) =>
          verb === 'suspend' || verb === 'resume'
            ? { verb, status }
            : verb === 'end one'
              ? { verb, seat: who, target, status }
              : { verb, seat: who, status },
        ),
      )
    }

    const cast = actors.map((actor, index) => ({
      name: `${index} ${actor.verb} ${actor.seat}`,
      act: async () => {
        await act(actor.verb, actor.seat, actor.copy)
        if (actor.verb === 'suspend') await act('resume', actor.seat, actor.copy)
        if (actor.again) await act('use', actor.seat, actor.copy + 1)
      },
    }))
    if (changer !== null) {
      cast.push({
        name: `changes ${changer.seat}`,
        act: async () => {
          const { status } = await act('change password', changer.seat, changer.copy)
          if (status === 204) await act('use', 'renewed', changer.copy + 1)
        },
      })
    }
    cast.push({
      name: `uses ${user.seat}`,
      act: async () => {
        await act('use', user.seat, user.copy)
        await act('use', user.seat, user.copy + 1)
      },
    })
    await stage.play(schedule, cast)
    for (const who of ['first', 'second', ...(seats.renewed.cookies.size > 0 ? ['renewed' as const] : [])] as Seat[])
      await act('use', who, 0)

    const initial: SessionState = { live: ['first', 'second'], isActive: true }
    if (!isLinearizable(history.calls, initial, stepSession))
      throw new Error(`no order explains ${JSON.stringify(history.calls)}`)
  })
