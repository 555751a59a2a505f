import assert from 'node:assert/strict'
import type { RigAgent } from '../agents.ts'
import { askToRun } from '../ask-agent.ts'
import { connectsFrom, connectsTo, listen } from '../connections.ts'
import { ADDRESSES, SITE_ORIGIN } from '../place.ts'
import type { Rig } from '../rig.ts'
import type { Agents } from './journey.ts'

/** Doors of the outside that would lead back: where engineers come from, and the control plane by other ways than its API. */
const DOORS = [
  [ADDRESSES.supportPath, 22],
  [ADDRESSES.front, 22],
  [ADDRESSES.front, 80],
  [ADDRESSES.front, 3306],
  [ADDRESSES.elsewhere, 443],
] as const

const checkOutside = async ({ report }: Rig, agents: readonly RigAgent[]): Promise<void> => {
  const close = await Promise.all(DOORS.map(([address, port]) => listen(address, port)))
  await report.check(
    'no agent connects to the control plane’s SSH side, nor to anything but HTTPS of the front',
    async () => {
      for (const [address, port] of DOORS) {
        assert.equal(await connectsTo(address, port, ADDRESSES.elsewhere), true, `${address}:${port} is there`)
        const got = await Promise.all(agents.map((agent) => connectsFrom(agent.machine(), address, port)))
        assert.deepEqual(
          got,
          agents.map(() => false),
          `${address}:${port}`,
        )
      }
      for (const agent of agents) assert.equal(await connectsFrom(agent.machine(), ADDRESSES.front, 443), true)
    },
  )
  await Promise.all(close.map((one) => one()))
}

export const oneWay = async (rig: Rig, { ana, bob, closed }: Agents): Promise<void> => {
  const { report } = rig
  report.chapter('One-way')
  await checkOutside(rig, [ana, closed])
  await report.check(
    'no agent connects to another, of the same tenant or of another, though its sshd is up',
    async () => {
      const bobs = bob.machine().link.address
      assert.equal(await connectsTo(bobs, 22, ADDRESSES.supportPath), true, 'the sshd is up')
      assert.equal(await connectsFrom(ana.machine(), bobs, 22), false, 'another tenant’s')
      assert.equal(await connectsFrom(closed.machine(), ana.machine().link.address, 22), false, 'the same tenant’s')
    },
  )
  await report.check('nothing connects to an agent from outside but the support path', async () => {
    for (const from of [ADDRESSES.front, ADDRESSES.elsewhere]) {
      assert.equal(await connectsTo(ana.machine().link.address, 22, from), false, from)
    }
    assert.equal(await connectsTo(closed.machine().link.address, 22, ADDRESSES.supportPath), false)
  })
  await report.check(
    'what the agent runs reaches the API by HTTPS, and its own machine’s sshd gains it nothing',
    async () => {
      const reached = await askToRun(rig, `curl -s -o /dev/null -w '%{http_code}' ${SITE_ORIGIN}/api/openapi.json`)
      assert.equal(reached.output.trim(), '200')
      const own = await askToRun(
        rig,
        'ssh -o BatchMode=yes -o StrictHostKeyChecking=no support@127.0.0.1 id; echo done',
      )
      assert.doesNotMatch(own.output, /uid=/)
    },
  )
}
