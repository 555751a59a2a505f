import { describe, expect, it } from 'vitest'
import type { Report } from '../../agent/supervisor/control-plane.ts'
import { createSupervisor, type MachineParts } from '../../agent/supervisor/supervise.ts'
import type { HeartbeatAnswer } from '../../lambdas/contract/instance.ts'
import { createLogger } from '../../lambdas/core/logger.ts'
import { fail, ok } from '../../lambdas/core/result.ts'
import { Secret } from '../../lambdas/core/secret.ts'
import { createTestClock } from '../support/clock.ts'

const CA = 'ecdsa-sha2-nistp256 AAAA one'
const GO_ON: HeartbeatAnswer = { continue: true, credentialsVersion: 'v1', support: { allowed: false, trustedCas: [] } }
const REFUSED = fail({ reason: 'refused' as const, because: '403' })
const UNREACHABLE = fail({ reason: 'unreachable' as const, because: '503' })

/** A machine of which only the effects are played: what it was told to do is written down, in order. */
const createMachine = () => {
  const did: string[] = []
  const reports: Report[] = []
  const clock = createTestClock()
  const world = {
    answers: ok(GO_ON) as Awaited<ReturnType<MachineParts['controlPlane']['heartbeat']>>,
    enrols: ok({ agentId: 'agt', heartbeatSeconds: 30 }) as Awaited<ReturnType<MachineParts['controlPlane']['enroll']>>,
    secret: { versionId: 'v1', credentials: new Map([['githubToken', new Secret('one')]]) } as Awaited<
      ReturnType<MachineParts['readCredentials']>
    >,
    isRunning: false,
    isReady: false,
    isNoted: false,
    metadataFails: false,
    held: [] as (string | undefined)[],
  }
  const note = (what: string) => {
    did.push(what)
  }
  const parts: MachineParts = {
    controlPlane: {
      enroll: async () => {
        note('enroll')
        return world.enrols
      },
      heartbeat: async (report) => {
        reports.push(report)
        return world.answers
      },
    },
    readCredentials: async () => world.secret,
    credentialsFile: {
      write: async (credentials) => void world.held.push(credentials.get('githubToken')?.reveal()),
      forget: async () => note('forget'),
    },
    readRelease: async () => 'a'.repeat(64),
    forbidMetadata: async () => {
      if (world.metadataFails) throw new Error('no rule')
    },
    agent: {
      start: async () => {
        note('start')
        world.isRunning = true
      },
      drain: async () => {
        note('drain')
        world.isRunning = false
      },
      isRunning: async () => world.isRunning,
      readStatus: async () => (world.isRunning ? { ready: world.isReady, notices: ['gh_missing'] } : null),
    },
    support: {
      allow: async (cas) => note(`allow ${cas.join()}`),
      forbid: async () => note('forbid'),
      readNews: async () => ({ reports: [], memory: { bootId: 'b', open: {} } }),
      remember: async () => undefined,
    },
    enrolment: { isNoted: async () => world.isNoted, note: async () => void (world.isNoted = true) },
    clock,
    logger: createLogger({ write: () => undefined }),
  }
  return { ...createSupervisor(parts), parts, world, did, reports, clock }
}

const steps = (reports: Report[]) => reports.map(({ bootStep }) => bootStep)

describe('the supervisor of a machine', () => {
  it('P12 enrols once, reads the credentials, starts the agent, and tells each step until it is ready', async () => {
    const machine = createMachine()

    expect(await machine.step()).toBe(2)
    expect(machine.did).toEqual(['enroll', 'forbid', 'start'])
    await machine.step()
    machine.world.isReady = true
    expect(await machine.step()).toBe(30)
    expect(steps(machine.reports)).toEqual(['enrolled', 'agent_started', 'ready'])
    expect(machine.reports.at(-1)).toMatchObject({ notices: ['gh_missing'], runtimeHash: 'a'.repeat(64) })
    expect(machine.did.filter((what) => what === 'enroll')).toHaveLength(1)
  })

  it('waits for the secret to be bound to it, and does not ask twice to be let in after a restart', async () => {
    const machine = createMachine()
    machine.world.secret = null
    await machine.step()
    await machine.step()
    expect(machine.did).not.toContain('start')

    const again = createSupervisor(machine.parts)
    machine.world.secret = { versionId: 'v1', credentials: new Map([['githubToken', new Secret('one')]]) }
    await again.step()

    expect(machine.did.filter((what) => what === 'enroll')).toHaveLength(1)
    expect(machine.world.held).toEqual(['one'])
  })

  it('C25 replaces changed credentials with the next heartbeat and leaves the agent running', async () => {
    const machine = createMachine()
    await machine.step()
    machine.world.secret = { versionId: 'v2', credentials: new Map([['githubToken', new Secret('two')]]) }
    machine.world.answers = ok({ ...GO_ON, credentialsVersion: 'v2' })

    await machine.step()
    await machine.step()

    expect(machine.world.held).toEqual(['one', 'two'])
    expect(machine.did.filter((what) => what === 'start' || what === 'drain')).toEqual(['start'])
  })

  it('P11 lets the agent finish when it may not continue, and starts it again when it may', async () => {
    const machine = createMachine()
    await machine.step()
    machine.world.answers = ok({ ...GO_ON, continue: false })
    await machine.step()
    machine.world.answers = ok(GO_ON)
    await machine.step()

    expect(machine.did.filter((what) => what === 'start' || what === 'drain')).toEqual(['start', 'drain', 'start'])
  })

  it('H2 lets support in on the control plane’s word, and no longer than that word is fresh', async () => {
    const machine = createMachine()
    machine.world.answers = ok({ ...GO_ON, support: { allowed: true, trustedCas: [CA] } })
    await machine.step()
    expect(machine.did.at(-1)).toBe(`allow ${CA}`)

    machine.world.answers = UNREACHABLE
    machine.clock.advanceSeconds(30)
    await machine.step()
    expect(machine.did.at(-1)).toBe(`allow ${CA}`)
    machine.clock.advanceSeconds(16)
    await machine.step()
    expect(machine.did.at(-1)).toBe('forbid')

    machine.world.answers = ok({ ...GO_ON, support: { allowed: true, trustedCas: [] } })
    await machine.step()
    expect(machine.did.at(-1)).toBe('forbid')
  })

  it('P23 stands down when another has its place: no support, no agent, no credentials', async () => {
    const machine = createMachine()
    await machine.step()
    machine.world.answers = REFUSED
    machine.world.enrols = REFUSED
    const waits = [await machine.step(), await machine.step(), await machine.step()]

    expect(machine.did.slice(3, 6)).toEqual(['forbid', 'drain', 'forget'])
    expect(waits).toEqual([2, 4, 8])
  })

  it('S6 runs nobody but root while the machine’s own credentials are open to others', async () => {
    const machine = createMachine()
    await machine.step()
    machine.world.metadataFails = true

    await expect(machine.step()).rejects.toThrow('no rule')
    expect(machine.did.slice(-2)).toEqual(['forbid', 'drain'])
    expect(machine.reports).toHaveLength(1)
  })
})
