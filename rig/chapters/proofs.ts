import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetWebIdentityTokenCommand } from '@aws-sdk/client-sts'
import { proofAudience } from '../../lambdas/contract/instance.ts'
import { readTrail } from '../agents.ts'
import { must } from '../../test/support/browser.ts'
import { instanceArnOf } from '../instance-aws.ts'
import type { Machine } from '../machine.ts'
import { SITE_ORIGIN } from '../place.ts'
import type { Rig } from '../rig.ts'
import { askForProof, proofIn } from '../signed-curl.ts'
import type { Agents } from './journey.ts'

/** What a machine may say of itself, said wrongly: each from inside a machine, to the API, over HTTPS. */

const AUDIENCE = proofAudience(SITE_ORIGIN)
const SHORTEST_SECONDS = 60
const BEAT = { bootStep: 'ready', runtimeHash: '0'.repeat(64) }

const post = async (machine: Machine, path: string, body: object): Promise<number> => {
  const { stdout } = await machine.inside(
    [
      ...['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'content-type: application/json', '-d', '@-'],
      `${SITE_ORIGIN}${path}`,
    ],
    { input: JSON.stringify(body) },
  )
  return Number(stdout)
}

const freshProof = async (machine: Machine, seconds = 300): Promise<string> => {
  const proof = proofIn(await askForProof(machine, AUDIENCE, seconds))
  if (proof === null) throw new Error('STS gave no token')
  return proof
}

/** A token for another audience cannot be had with the machines' role, so it is taken past IAM. */
const foreignProof = async ({ house }: Rig, instanceId: string, audience: string): Promise<string> => {
  const { WebIdentityToken = '' } = await house.aws
    .createStsClientOf(instanceArnOf(instanceId))
    .send(new GetWebIdentityTokenCommand({ Audience: [audience], SigningAlgorithm: 'ES384', DurationSeconds: 300 }))
  return WebIdentityToken
}

export interface Expiring {
  proof: string
  expiresAt: number
}

/** Taken early, so that it is old when it is tried. */
export const takeExpiring = async ({ ana }: Agents): Promise<Expiring> => ({
  proof: await freshProof(ana.machine(), SHORTEST_SECONDS),
  expiresAt: Date.now() + SHORTEST_SECONDS * 1000,
})

const countRefusals = async (events: Promise<any[]>, because: string): Promise<number> =>
  (await events).filter(({ action, detail }) => action === 'agent.enroll_refused' && detail.because === because).length

export const proofs = async (rig: Rig, { ana }: Agents, { proof: expiring, expiresAt }: Expiring): Promise<void> => {
  const { report, house } = rig
  report.chapter('Who a machine says it is')
  const machine = ana.machine()
  const inTrail = (because: string): Promise<number> => countRefusals(readTrail(ana.tenant), because)
  const inPlatform = (because: string): Promise<number> =>
    countRefusals(
      house.admin.get('/api/admin/audit').then((reply) => must(reply, 200, 'the whole trail').events),
      because,
    )
  const refused = async (
    path: string,
    proof: string,
    because: string,
    count: (because: string) => Promise<number>,
    status = 403,
  ): Promise<void> => {
    const before = await count(because)
    assert.equal(await post(machine, path, path.endsWith('enroll') ? { proof } : { ...BEAT, proof }), status)
    assert.equal(await count(because), before + 1, `${because} is in the trail`)
  }

  await report.check('a second enrolment is refused, and in the trail', async () => {
    await refused('/api/agent/enroll', await freshProof(machine), 'already_enrolled', inTrail)
  })
  await report.check('a token that was used is refused, and in the trail', async () => {
    const proof = await freshProof(machine)
    assert.equal(await post(machine, '/api/agent/enroll', { proof }), 403)
    await refused('/api/agent/enroll', proof, 'replayed', inTrail)
    await refused('/api/agent/heartbeat', proof, 'replayed', inTrail)
  })
  await report.check('the token of an instance that is nobody’s is refused, and in the trail', async () => {
    const proof = await foreignProof(rig, 'i-0123456789abcdef0', AUDIENCE)
    await refused('/api/agent/enroll', proof, 'unknown_instance', inPlatform)
  })
  await report.check('a token for another audience is refused, and in the trail', async () => {
    const proof = await foreignProof(rig, machine.id, 'vestibule https://elsewhere.example')
    await refused('/api/agent/enroll', proof, 'another_audience', inTrail, 401)
  })
  await report.check('an expired token is refused, and in the trail', async () => {
    await sleep(Math.max(0, expiresAt + 1000 - Date.now()))
    await refused('/api/agent/enroll', expiring, 'expired', inTrail, 401)
  })
}
