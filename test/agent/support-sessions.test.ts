import { describe, expect, it } from 'vitest'
import { parseJournal, readSessions, type SessionMemory } from '../../agent/supervisor/support-sessions.ts'
import { HeartbeatInput } from '../../lambdas/contract/instance.ts'

const AT = new Date('2026-11-21T12:00:00.000Z')
const EMPTY: SessionMemory = { bootId: 'boot-1', open: {} }

/** As OpenSSH 9.2 logs it at VERBOSE, and systemd 252 prints it. */
const accepted = (cursor: string, pid: string, serial: string, uid = '0') =>
  JSON.stringify({
    __CURSOR: cursor,
    __REALTIME_TIMESTAMP: '1795262400000000',
    _PID: pid,
    _UID: uid,
    MESSAGE: `Accepted publickey for support from 10.77.0.1 port 51234 ssh2: ED25519-CERT SHA256:abc ID vestibule/prod/acc_1/req/agt_1 (serial ${serial}) CA ECDSA SHA256:def`,
  })

const read = (memory: SessionMemory, lines: string[], alive: string[] = [], bootId = 'boot-1') =>
  readSessions(memory, parseJournal(lines.join('\n')), { bootId, at: AT, isAlive: (pid) => alive.includes(pid) })

describe('support sessions in the log of sshd', () => {
  it('H13 are told when they open and when their process is gone, each once, by the certificate’s serial number', () => {
    const opened = read(EMPTY, [accepted('c1', '41', '18446744073709551615')], ['41'])
    const still = read(opened.memory, [], ['41'])
    const closed = read(still.memory, [], [])
    const after = read(closed.memory, [], [])

    expect(opened.reports).toMatchObject([
      { event: 'opened', serial: '18446744073709551615', at: '2026-11-21T12:00:00.000Z' },
    ])
    expect(still.reports).toEqual([])
    expect(closed.reports).toMatchObject([{ event: 'closed', serial: '18446744073709551615' }])
    expect(after.reports).toEqual([])
    expect(closed.memory.cursor).toBe('c1')
  })

  it('are told under the same ids when they are told again', () => {
    const lines = [accepted('c1', '41', '7')]
    expect(read(EMPTY, lines, []).reports).toEqual(read(EMPTY, lines, []).reports)
    expect(new Set(read(EMPTY, lines, []).reports.map(({ id }) => id)).size).toBe(2)
  })

  it('end with the boot that they were opened in, whoever has their process number now', () => {
    const { memory } = read(EMPTY, [accepted('c1', '41', '7')], ['41'])
    expect(read(memory, [], ['41'], 'boot-2').reports).toMatchObject([{ event: 'closed', serial: '7' }])
  })

  it('are not made by lines that somebody logged in wrote, nor by other lines of the log', () => {
    const other = JSON.stringify({
      __CURSOR: 'c3',
      __REALTIME_TIMESTAMP: '1',
      _PID: '1',
      _UID: '0',
      MESSAGE: 'Connection from 10.77.0.1 port 5 on 10.77.0.2 port 22',
    })
    const binary = JSON.stringify({ __CURSOR: 'c4', __REALTIME_TIMESTAMP: '1', _PID: '1', _UID: '0', MESSAGE: [1, 2] })
    const found = read(EMPTY, [accepted('c2', '41', '7', '1001'), other, binary], ['41'])

    expect(found.reports).toEqual([])
    expect(found.memory.cursor).toBe('c3')
  })

  it('fit into one heartbeat however many there are; the rest comes with the next', () => {
    const lines = Array.from({ length: 27 }, (_, place) => accepted(`c${place}`, String(100 + place), String(place)))
    const alive = lines.map((_, place) => String(100 + place))
    const first = read(EMPTY, lines, alive)
    const rest = read(first.memory, lines.slice(20), alive)

    expect([first.reports.length, first.memory.cursor, rest.reports.length]).toEqual([20, 'c19', 7])
    const heartbeat = HeartbeatInput.safeParse({
      proof: 'p',
      runtimeHash: 'a'.repeat(64),
      supportSessions: first.reports,
    })
    expect(heartbeat.success).toBe(true)
  })
})
