import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { readTrail, type RigAgent, type TrailEvent } from '../agents.ts'
import { type Browser, must } from '../../test/support/browser.ts'
import { vestibuleSsh } from '../command-line.ts'
import { connectsTo } from '../connections.ts'
import { createEngineer, type Engineer, REASON, type SshIdentity } from '../engineer.ts'
import { eventually } from '../eventually.ts'
import { ADDRESSES } from '../place.ts'
import type { Ran } from '../program.ts'
import type { Rig } from '../rig.ts'
import type { Agents } from './journey.ts'

const SESSION_END_SECONDS = 60
const TOLD_SECONDS = 60

/** ssh's own word for "not let in". */
const NOT_LET_IN = 255

const assertRefused = ({ status, stderr }: Ran, what: string): void => {
  assert.equal(status, NOT_LET_IN, what)
  assert.match(stderr, /Permission denied \(publickey\)/, what)
}

const checkLogin = async ({ report }: Rig, engineer: Engineer, { ana, bob }: Agents): Promise<void> => {
  const identity = await engineer.certify(ana)
  await report.check('a certificate from the API logs in as the support user on that agent', async () => {
    const { status, stdout, stderr } = await engineer.ssh(ana.machine(), identity, 'id -un; hostname')
    assert.equal(status, 0, stderr)
    assert.equal(stdout, `support\nip-${ana.machine().link.address.replaceAll('.', '-')}\n`)
  })
  await report.check('it is refused on a second agent', async () => {
    const own = await engineer.ssh(bob.machine(), await engineer.certify(bob), 'true')
    assert.equal(own.status, 0, 'its own certificate gets in there')
    assertRefused(await engineer.ssh(bob.machine(), identity, 'id'), 'bob')
  })
  await report.check('it is refused for root and for every other user', async () => {
    for (const user of ['root', 'vestibule-agent', 'nobody', 'debian'])
      assertRefused(await engineer.ssh(ana.machine(), identity, 'id', { user }), user)
  })
  await report.check('a bare key, another principal, another CA and one without its time are refused', async () => {
    const refused: Record<string, SshIdentity> = {
      'a bare key': await engineer.newKey(),
      'another agent’s principal': await engineer.forge(ana, { principal: `agent-${bob.id}` }),
      'the user as principal': await engineer.forge(ana, { principal: 'support' }),
      'another CA': await engineer.certifyElsewhere(ana),
      'not yet valid': await engineer.forge(ana, { validAfter: new Date(Date.now() + 200_000) }),
      'long expired': await engineer.forge(ana, { validBefore: new Date(Date.now() - 1000) }),
    }
    const good = await engineer.ssh(ana.machine(), await engineer.forge(ana, {}), 'true')
    assert.equal(good.status, 0, 'the same, with nothing otherwise, gets in')
    for (const [what, one] of Object.entries(refused)) assertRefused(await engineer.ssh(ana.machine(), one, 'id'), what)
  })
}

const checkForwarding = async ({ report }: Rig, engineer: Engineer, ana: RigAgent): Promise<void> => {
  const identity = await engineer.certify(ana)
  const machine = ana.machine()
  await report.check('forwarding of ports is refused, both ways', async () => {
    const there = ['-W', `${ADDRESSES.front}:443`]
    const through = await engineer.ssh(machine, identity, null, { options: there })
    assert.match(through.stderr, /administratively prohibited/)
    const back = ['-o', 'ExitOnForwardFailure=yes', '-R', '40022:127.0.0.1:22']
    const { stdout, stderr } = await engineer.ssh(machine, identity, 'echo in', { options: back })
    assert.match(stderr, /remote port forwarding failed/)
    assert.equal(stdout, '')
  })
  await report.check('forwarding of the agent and of X11 is refused, though it was asked for', async () => {
    const agent = await engineer.startKeyAgent()
    const { stdout, stderr } = await engineer.ssh(machine, identity, 'echo "[$SSH_AUTH_SOCK][$DISPLAY]"', {
      options: ['-v', '-A', '-Y', '-o', `IdentityAgent=${agent.socket}`],
      environment: [`SSH_AUTH_SOCK=${agent.socket}`, 'DISPLAY=127.0.0.1:9'],
    })
    await agent.stop()
    assert.match(stderr, /Requesting authentication agent forwarding/)
    assert.match(stderr, /Requesting X11 forwarding/)
    assert.equal(stdout, '[][]\n')
  })
}

const checkReach = async ({ report }: Rig, engineer: Engineer, ana: RigAgent): Promise<void> => {
  const identity = await engineer.certify(ana)
  const tried = async (command: string): Promise<Ran> => {
    const ran = await engineer.ssh(ana.machine(), identity, command)
    assert.notEqual(ran.status, NOT_LET_IN, `${command}: ${ran.stderr}`)
    return ran
  }
  await report.check(
    'the support user cannot read the tenant’s credentials, nor the agent’s memory or folder',
    async () => {
      for (const command of [
        'cat /run/vestibule/credentials/credentials.json',
        'ls /run/vestibule/credentials',
        'cat /proc/$(pgrep -o -f runtime.mjs)/environ',
        'ls /var/lib/vestibule-agent',
        'cat /etc/shadow',
      ]) {
        const { status, stdout, stderr } = await tried(command)
        assert.notEqual(status, 0, command)
        assert.equal(stdout, '', command)
        assert.match(stderr, /denied|not permitted|No such file/i, command)
      }
    },
  )
  await report.check('the support user cannot become anybody else', async () => {
    for (const command of ['sudo -n id', 'su -c id', 'systemctl --no-ask-password restart vestibule-supervisor'])
      assert.notEqual((await tried(command)).status, 0, command)
    assert.match((await tried('grep NoNewPrivs /proc/self/status')).stdout, /\t1\n/)
  })
}

const eventOf = (tenant: RigAgent['tenant'], action: string, fits: (event: TrailEvent) => boolean = () => true) =>
  eventually(`${action} in the trail`, TOLD_SECONDS, async () => {
    const trail = await readTrail(tenant)
    return trail.find((event) => event.action === action && fits(event)) ?? null
  })

const checkTrail = async ({ report }: Rig, ana: RigAgent): Promise<void> => {
  await report.check('the certificate and the login are in the tenant’s trail: who, why, until when', async () => {
    const issued = await eventOf(ana.tenant, 'support.certificate_issued')
    assert.equal(issued.actor.kind, 'support')
    assert.equal(issued.detail.reason, REASON)
    assert.ok(Date.parse(String(issued.detail.until)) > Date.parse(issued.at))
    const opened = await eventOf(ana.tenant, 'support.session_opened', ({ detail }) => detail.known === true)
    assert.equal(opened.detail.reason, REASON)
    assert.equal(opened.detail.engineerId, issued.actor.id)
    const closed = await eventOf(
      ana.tenant,
      'support.session_closed',
      ({ detail }) => detail.serial === opened.detail.serial,
    )
    assert.equal(closed.target, ana.id)
  })
}

const checkCommandLine = async (rig: Rig, browser: Browser, ana: RigAgent): Promise<void> => {
  const { secret } = must(await browser.post('/api/tokens', { name: 'rig' }), 201, 'an API token')
  await rig.report.check('vestibule ssh opens a session from request to shell', async () => {
    const { status, stdout, stderr } = await vestibuleSsh({
      ...{ agentId: ana.id, machine: ana.machine(), reason: REASON, token: secret },
      authorityPath: rig.authorityPath,
      typed: 'id -un\nexit 7\n',
    })
    assert.match(stdout, /^support$/m, stderr)
    assert.match(stdout, /it ended with 7/, stderr)
    assert.equal(status, 0)
  })
}

const checkTurnedOff = async ({ report }: Rig, engineer: Engineer, ana: RigAgent): Promise<void> => {
  const identity = await engineer.certify(ana, 15)
  const machine = ana.machine()
  const session = engineer.ssh(machine, identity, 'echo in; exec sleep 140')
  await eventually(
    'the session is open',
    15,
    async () => (await machine.inside(['pgrep', '-u', 'support', 'sleep'])).status === 0,
  )
  const toldAt = performance.now()
  await report.check('turned off, the path is closed before the answer', async () => {
    must(await ana.tenant.put(`/api/agents/${ana.id}/support-access`, { enabled: false }), 200, 'turn support off')
    await sleep(500)
    assert.equal(await connectsTo(machine.link.address, 22, ADDRESSES.supportPath), false)
  })
  await report.check('a session that was open is gone within 60 s', async () => {
    const { stdout } = await session
    const seconds = (performance.now() - toldAt) / 1000
    report.note(`the session ended ${seconds.toFixed(1)} s after support was turned off`)
    assert.match(stdout, /^in/)
    assert.ok(seconds <= SESSION_END_SECONDS, `${seconds} s`)
    assert.equal((await machine.inside(['pgrep', '-u', 'support'])).status, 1, 'nothing of it runs any more')
  })
  await report.check(
    'a fresh certificate is refused, nothing listens, no CA is trusted, and the trail says so',
    async () => {
      const { publicKey } = await engineer.newKey()
      const asked = await engineer.ask(ana, publicKey, 5)
      assert.deepEqual([asked.status, asked.body.error.code], [403, 'support_access_off'])
      assert.equal((await machine.inside(['ss', '-H', '-l', '-n', '-t', '-u'])).stdout, '')
      assert.equal((await machine.inside(['test', '-e', '/run/vestibule/ssh'])).status, 1)
      await eventOf(ana.tenant, 'agent.support_access_off')
    },
  )
  await report.check('turned on again, it lets support in again', async () => {
    must(await ana.tenant.put(`/api/agents/${ana.id}/support-access`, { enabled: true }), 200, 'turn support on')
    await eventually('the sshd is up', 60, () => connectsTo(machine.link.address, 22, ADDRESSES.supportPath))
    assert.equal((await engineer.ssh(machine, await engineer.certify(ana), 'true')).status, 0)
  })
}

export const support = async (rig: Rig, agents: Agents): Promise<void> => {
  const { report, house } = rig
  report.chapter('Support')
  const browser = await house.join('help@example.com', { role: 'support' })
  const engineer = createEngineer(rig, browser)
  const short = await engineer.certify(agents.ana, 1)
  const shortUntil = Date.now() + 61_000
  const shortRan = await engineer.ssh(agents.ana.machine(), short, 'true')
  await checkLogin(rig, engineer, agents)
  await checkForwarding(rig, engineer, agents.ana)
  await checkReach(rig, engineer, agents.ana)
  await checkCommandLine(rig, browser, agents.ana)
  await report.check('a certificate of one minute is refused after that minute', async () => {
    assert.equal(shortRan.status, 0, 'it got in before')
    await sleep(Math.max(0, shortUntil - Date.now()))
    assertRefused(await engineer.ssh(agents.ana.machine(), short, 'id'), 'expired')
  })
  await checkTrail(rig, agents.ana)
  await checkTurnedOff(rig, engineer, agents.ana)
}
