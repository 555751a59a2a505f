import assert from 'node:assert/strict'
import { DescribeSecretCommand } from '@aws-sdk/client-secrets-manager'
import { TAGS } from '../../lambdas/contract/tags.ts'
import { onboard, PLANTED, reach, readAgent, secretIdOf } from '../agents.ts'
import { must } from '../../test/support/browser.ts'
import { eventually } from '../eventually.ts'
import type { Rig } from '../rig.ts'
import { searchDisk } from '../search.ts'
import type { Agents } from './journey.ts'

/** Stop, start, restart and delete, on a machine that is really switched off and on. */
export const lifecycle = async (rig: Rig, { bob }: Agents): Promise<void> => {
  const { report, house, hypervisor } = rig
  report.chapter('Stop, start, delete')
  const machine = bob.machine()
  await report.check('stopped: the machine is off, and nothing of the credentials is on its disk', async () => {
    must(await bob.tenant.post(`/api/agents/${bob.id}/stop`), 202, 'stop')
    await reach(bob, 'stopped')
    await eventually('it is off', 30, async () => !machine.isRunning())
    assert.deepEqual(await searchDisk(machine, Object.values(PLANTED)), [])
  })
  await report.check('started: the same machine is ready again, without its user data being run anew', async () => {
    must(await bob.tenant.post(`/api/agents/${bob.id}/start`), 202, 'start')
    await reach(bob, 'ready')
    report.note(`ready ${((performance.now() - machine.bootedAt) / 1000).toFixed(1)} s after it was switched on again`)
    assert.equal((await readAgent(bob)).instance?.id, machine.id)
  })
  await report.check('a file changed on the disk keeps the agent from starting at the next boot', async () => {
    must(await bob.tenant.post(`/api/agents/${bob.id}/stop`), 202, 'stop')
    await machine.inside(['sh', '-c', 'echo "// changed" >> /opt/vestibule/current/supervisor.mjs'])
    await reach(bob, 'stopped')
    await eventually('it is off', 30, async () => !machine.isRunning())
    must(await bob.tenant.post(`/api/agents/${bob.id}/start`), 202, 'start')
    await eventually('the machine says so', 40, async () => {
      const { stdout } = await machine.inside(['journalctl', '-b', '--no-pager', '-o', 'cat', '-u', 'vestibule-boot'])
      return /a file was changed; nothing of this release is started/.test(stdout)
    })
    assert.notEqual((await machine.inside(['systemctl', 'is-active', 'vestibule-supervisor'])).stdout.trim(), 'active')
  })
  await report.check(
    'deleted: no machine, no disk, the secret scheduled for deletion, and the name free again',
    async () => {
      must(await bob.tenant.del(`/api/agents/${bob.id}`), 202, 'delete')
      await reach(bob, 'deleted')
      await eventually('the machine is gone', 20, async () => !hypervisor.listIds().includes(machine.id))
      const about = new DescribeSecretCommand({ SecretId: await secretIdOf(bob) })
      const secret = await house.product.clients.secrets.send(about)
      assert.ok(secret.DeletedDate !== undefined)
      assert.equal(
        secret.Tags?.some(({ Key }) => Key === TAGS.instanceArn),
        false,
        'the tag is gone',
      )
      const again = await onboard(rig, bob.tenant, {
        name: 'Bob one',
        supportAccess: false,
        credentials: { claudeCodeToken: PLANTED.claudeCodeToken },
      })
      assert.notEqual(again.id, bob.id)
    },
  )
}
