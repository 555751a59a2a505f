import assert from 'node:assert/strict'
import { PLANTED, type RigAgent } from '../agents.ts'
import { askToRun } from '../ask-agent.ts'
import { ADDRESSES } from '../place.ts'
import type { Rig } from '../rig.ts'
import type { Agents } from './journey.ts'

/** What a machine is like inside, tried from where the tenant's agent is: by what it runs when it is asked to. */

const AGENT_UNIT = 'vestibule-agent.service'
const CREDENTIALS_FILE = '/run/vestibule/credentials/credentials.json'
const METADATA = `http://${ADDRESSES.metadata}/latest/meta-data/instance-id`
/** systemd-analyze security: 0 is locked up, 10 is open; what it calls medium begins at 5. */
const MAX_EXPOSURE = 3

export const mustPrint = async (agent: RigAgent, words: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = await agent.machine().inside(words)
  assert.equal(status, 0, `${words.join(' ')}: ${stderr}`)
  return stdout.trim()
}

const checkUnit = async (rig: Rig, ana: RigAgent): Promise<void> => {
  const { report } = rig
  await report.check('the agent runs as a user of its own, without capabilities, sealed by the kernel', async () => {
    const pid = await mustPrint(ana, ['systemctl', 'show', '--property=MainPID', '--value', AGENT_UNIT])
    const status = await mustPrint(ana, ['cat', `/proc/${pid}/status`])
    const field = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''
    assert.equal(await mustPrint(ana, ['id', '-un', field('Uid')]), 'vestibule-agent')
    assert.equal(field('NoNewPrivs'), '1')
    assert.equal(field('Seccomp'), '2')
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.equal(field(set), '0000000000000000', set)
  })
  await report.check(`systemd finds the unit exposed by ${MAX_EXPOSURE} of 10 at most`, async () => {
    const answer = await mustPrint(ana, ['systemd-analyze', 'security', '--no-pager', AGENT_UNIT])
    const [, exposure = '10'] = /Overall exposure level for \S+: ([\d.]+)/.exec(answer) ?? []
    report.note(`systemd-analyze security ${AGENT_UNIT}: ${exposure}`)
    assert.ok(Number(exposure) <= MAX_EXPOSURE, `it is ${exposure}`)
  })
  await report.check('what the agent runs can write in the agent’s own folder and nowhere else', async () => {
    const places = [
      '/etc',
      '/usr/local/bin',
      '/opt/vestibule/current',
      '/var/lib/vestibule',
      '/var/log',
      '/root',
      '/home',
    ]
    const tried = places.map((place) => `touch ${place}/x 2>/dev/null && echo ${place}`).join('; ')
    const { output } = await askToRun(rig, `touch $HOME/x && echo own; ${tried}; true`)
    assert.equal(output.trim(), 'own')
  })
  await report.check('what the agent runs cannot become root, nor reach the machine’s own credentials', async () => {
    const { output } = await askToRun(
      rig,
      `sudo -n id; su -c id; unshare -U id; curl -s -m 3 ${METADATA}; echo curl $?`,
    )
    assert.doesNotMatch(output, /uid=0|i-[0-9a-f]{8}/)
    assert.match(output, /^curl 7$/m, 'it could not connect')
  })
}

const checkMetadata = async ({ report }: Rig, ana: RigAgent): Promise<void> => {
  await report.check('only root reaches the metadata service', async () => {
    const ask = ['curl', '-s', '-m', '3', '-o', '/dev/null', '-w', '%{http_code}', METADATA]
    assert.equal((await ana.machine().inside(ask)).stdout, '401')
    for (const user of ['vestibule-agent', 'support', 'daemon']) {
      const { stdout } = await ana.machine().insideAs(user, ask)
      assert.equal(stdout, '000', user)
    }
  })
}

const checkCredentialsFile = async ({ report }: Rig, ana: RigAgent): Promise<void> => {
  await report.check('the credentials are a file in memory that is the agent’s alone', async () => {
    const stat = await mustPrint(ana, ['stat', '--format=%U %G %a', '/run/vestibule/credentials', CREDENTIALS_FILE])
    assert.deepEqual(stat.split('\n'), ['root vestibule-agent 750', 'vestibule-agent vestibule-agent 600'])
    const fileSystem = await mustPrint(ana, [
      'findmnt',
      '--noheadings',
      '--output=FSTYPE',
      '--target',
      CREDENTIALS_FILE,
    ])
    assert.equal(fileSystem, 'tmpfs')
    assert.match(await mustPrint(ana, ['cat', '/proc/mounts']), /^tmpfs \/run tmpfs /m)
    assert.deepEqual(JSON.parse(await mustPrint(ana, ['cat', CREDENTIALS_FILE])), PLANTED)
  })
}

const checkListeners = async ({ report }: Rig, { ana, closed }: Agents): Promise<void> => {
  const listeners = async (agent: RigAgent): Promise<string[]> =>
    (await mustPrint(agent, ['ss', '-H', '-l', '-n', '-t', '-u', '-p'])).split('\n').filter(Boolean)
  await report.check('support off at onboarding: nothing listens on any port, and no CA is trusted', async () => {
    assert.deepEqual(await listeners(closed), [])
    assert.equal((await closed.machine().inside(['test', '-e', '/run/vestibule/ssh'])).status, 1)
    assert.equal((await closed.machine().inside(['pgrep', '-c', 'sshd'])).stdout.trim(), '0')
  })
  await report.check('support on: one sshd of ours listens on port 22, and nothing else on any', async () => {
    const found = await listeners(ana)
    assert.ok(found.length > 0 && found.every((line) => /[:\]]22\s.*"sshd"/.test(line)), found.join('\n'))
    assert.equal(await mustPrint(ana, ['systemctl', 'is-active', 'vestibule-sshd.service']), 'active')
  })
}

export const machineInside = async (rig: Rig, agents: Agents): Promise<void> => {
  rig.report.chapter('What a machine is like inside')
  await checkUnit(rig, agents.ana)
  await checkMetadata(rig, agents.ana)
  await checkCredentialsFile(rig, agents.ana)
  await checkListeners(rig, agents)
}
