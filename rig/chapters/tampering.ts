import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { SignCommand } from '@aws-sdk/client-kms'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { DescribeSecretCommand } from '@aws-sdk/client-secrets-manager'
import { TAGS } from '../../lambdas/contract/tags.ts'
import { onboard, PLANTED, reach, readAgent, readTrail, secretIdOf } from '../agents.ts'
import { must } from '../../test/support/browser.ts'
import { connectsFrom } from '../connections.ts'
import { eventually } from '../eventually.ts'
import type { Machine } from '../machine.ts'
import { ADDRESSES } from '../place.ts'
import { ASSETS_BUCKET, RELEASE_KEY } from '../release.ts'
import type { Rig } from '../rig.ts'
import type { Agents } from './journey.ts'

const FILES = ['release.txt', 'release.sig', 'bundle.tar.gz'] as const
type ReleaseFiles = Record<(typeof FILES)[number], Buffer>

const REFUSED_SECONDS = 40
const QUARANTINE_SECONDS = 60

const readRelease = async ({ house }: Rig): Promise<ReleaseFiles> => {
  const read = async (name: string): Promise<Buffer> => {
    const Key = `agent/${house.release}/${name}`
    const { Body } = await house.product.clients.s3.send(new GetObjectCommand({ Bucket: ASSETS_BUCKET, Key }))
    return Body instanceof Readable ? buffer(Body) : Buffer.alloc(0)
  }
  const [list, signature, bundle] = await Promise.all(FILES.map(read))
  if (list === undefined || signature === undefined || bundle === undefined) throw new Error('there is no release')
  return { 'release.txt': list, 'release.sig': signature, 'bundle.tar.gz': bundle }
}

const putRelease = async ({ house }: Rig, files: ReleaseFiles): Promise<void> => {
  for (const name of FILES) {
    const Key = `agent/${house.release}/${name}`
    await house.product.clients.s3.send(new PutObjectCommand({ Bucket: ASSETS_BUCKET, Key, Body: files[name] }))
  }
}

/** Releases that must not start, and what the machine's log says of each. */
const spoiledReleases = async (
  { house }: Rig,
  good: ReleaseFiles,
): Promise<{ what: string; files: ReleaseFiles; says: RegExp }[]> => {
  const bundle = Buffer.from(good['bundle.tar.gz'])
  const middle = Math.floor(bundle.length / 2)
  bundle.writeUInt8(bundle.readUInt8(middle) ^ 1, middle)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const older = Buffer.from(good['release.txt'].toString().replace(/^vestibule-agent \S+/, 'vestibule-agent 0.0.9'))
  const { Signature = new Uint8Array() } = await house.product.clients.kms.send(
    new SignCommand({ KeyId: RELEASE_KEY, Message: older, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' }),
  )
  return [
    { what: 'an altered bundle', files: { ...good, 'bundle.tar.gz': bundle }, says: /bundle\.tar\.gz: FAILED/ },
    {
      what: 'an unsigned release',
      files: { ...good, 'release.sig': sign('sha256', good['release.txt'], privateKey) },
      says: /Verification failure/i,
    },
    {
      what: 'an older release, though it is signed',
      files: { ...good, 'release.txt': older, 'release.sig': Buffer.from(Signature) },
      says: /is not release [0-9a-f]{64}/,
    },
  ]
}

const log = async (machine: Machine): Promise<string> =>
  (await machine.inside(['journalctl', '--no-pager', '-o', 'cat', '-u', 'vestibule-boot.service'])).stdout

const assertNothingStarted = async (machine: Machine): Promise<void> => {
  for (const unit of ['vestibule-supervisor.service', 'vestibule-agent.service'])
    assert.notEqual((await machine.inside(['systemctl', 'is-active', unit])).stdout.trim(), 'active', unit)
  assert.equal((await machine.inside(['test', '-e', '/opt/vestibule/current'])).status, 1)
  assert.equal((await machine.inside(['pgrep', '-f', '/opt/vestibule/.*/bin/node'])).status, 1)
}

/** The release in the bucket is spoiled in one way after the other, while one machine keeps trying. */
const checkReleases = async (rig: Rig): Promise<void> => {
  const { report, house } = rig
  const good = await readRelease(rig)
  const [first, ...others] = await spoiledReleases(rig, good)
  if (first === undefined) throw new Error('nothing was spoiled')
  await putRelease(rig, first.files)
  const cleo = await onboard(rig, await house.join('cleo@example.com'), {
    name: 'Cleo one',
    supportAccess: true,
    credentials: { claudeCodeToken: PLANTED.claudeCodeToken },
  })
  for (const { what, files, says } of [first, ...others]) {
    await report.check(`${what} does not start`, async () => {
      await putRelease(rig, files)
      await eventually('the machine says so', REFUSED_SECONDS, async () => says.test(await log(cleo.machine())))
      await assertNothingStarted(cleo.machine())
      assert.equal((await readAgent(cleo)).status, 'booting')
    })
  }
  await report.check('the release that was signed, put back, starts by itself', async () => {
    await putRelease(rig, good)
    await reach(cleo, 'ready')
  })
}

const checkRunning = async ({ report, house }: Rig, { closed }: Agents): Promise<void> => {
  const machine = closed.machine()
  const SecretId = await secretIdOf(closed)
  await report.check('a machine whose release was changed is quarantined within a minute', async () => {
    await machine.inside(['sh', '-c', 'echo "// changed" >> /opt/vestibule/current/runtime.mjs'])
    await eventually(
      'it is quarantined',
      QUARANTINE_SECONDS,
      async () => (await readAgent(closed)).isolatedAt !== undefined,
    )
    assert.equal((await readAgent(closed)).status, 'failed')
  })
  await report.check('in quarantine it has no way out, no right to its secret, and its agent is ended', async () => {
    await eventually('the rules follow', 5, async () => !(await connectsFrom(machine, ADDRESSES.front, 443)))
    const { Tags = [] } = await house.product.clients.secrets.send(new DescribeSecretCommand({ SecretId }))
    assert.deepEqual(
      Tags.filter(({ Key }) => Key === TAGS.instanceArn),
      [],
    )
    await eventually('the agent is ended', 30, async () => {
      const { stdout } = await machine.inside(['systemctl', 'is-active', 'vestibule-agent.service'])
      return stdout.trim() !== 'active'
    })
  })
  await report.check('its tenant and the admin are told', async () => {
    const isTold = ({ action, target }: { action: string; target: string }): boolean =>
      action === 'agent.quarantined' && target === closed.id
    assert.equal((await readTrail(closed.tenant)).filter(isTold).length, 1)
    const { events } = must(await house.admin.get('/api/admin/audit'), 200, 'the whole trail')
    assert.equal(events.filter(isTold).length, 1)
    assert.equal((await readAgent(closed)).reason?.code, 'quarantined')
  })
}

export const tampering = async (rig: Rig, agents: Agents): Promise<void> => {
  rig.report.chapter('A release that is not what was signed')
  await checkReleases(rig)
  await checkRunning(rig, agents)
}
