import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { extract } from 'tar'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildRelease, type Release } from '../../agent/release/release.ts'
import { createReleaseReader } from '../../agent/supervisor/release.ts'
import { createOperator } from '../../lambdas/entry/operator.aws.ts'
import { renderUserData } from '../../lambdas/provisioning/user-data.ts'
import { createHarness } from '../support/harness.ts'

/** What the boot script uses besides a shell. */
const hasTools = ['openssl', 'sha256sum', 'sed', 'find'].every(
  (program) => spawnSync(program, ['--help'], { stdio: 'ignore' }).error === undefined,
)
if (!hasTools)
  process.stderr.write('SKIPPED: openssl or sha256sum is missing here; releases are not verified as a machine does\n')

let folder: string
let release: Release
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vestibule-release-'))
  writeFileSync(join(folder, 'node'), 'a stand-in for node')
  release = await buildRelease({
    platform: 'linux-arm64',
    version: '1.2.3',
    programs: new Map([['node', join(folder, 'node')]]),
    into: join(folder, 'release'),
  })
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const publish = async () => {
  const house = await createHarness()
  const operator = createOperator(
    house.clients,
    {
      ...house.names,
      siteBucket: 'none',
      originProofSecret: 'none',
      assetsBucket: house.names.requestsBucket,
      releaseKey: house.names.supportCaKey,
    },
    { clock: house.clock, random: house.deps.random, pause: house.deps.pause, logger: house.deps.logger },
  )
  const published = await operator.publishAgent({
    list: readFileSync(join(release.folder, 'release.txt')),
    bundle: readFileSync(join(release.folder, 'bundle.tar.gz')),
  })
  const get = async (name: string): Promise<Buffer> => {
    const { Body } = await house.clients.s3.send(
      new GetObjectCommand({ Bucket: house.names.requestsBucket, Key: `agent/${published.release}/${name}` }),
    )
    return Body instanceof Readable ? buffer(Body) : Buffer.alloc(0)
  }
  return { ...published, get }
}

/** The scripts and files of the user data in a folder of ours instead of the machine's. */
const scriptsFor = (at: string, id: string, releaseKey: string) => {
  const userData = renderUserData({
    ...{ agentId: 'agt', apiUrl: 'https://site.example', proofAudience: 'vestibule', region: 'eu-central-1' },
    ...{ secretId: 'secret', release: id, assetsOrigin: 'https://assets.example', releaseKey },
  })
  mkdirSync(join(at, 'etc'), { recursive: true })
  for (const [, path = '', , text = ''] of userData.matchAll(
    / {2}- path: \/etc\/vestibule\/(\S+)\n {4}permissions: '(\d+)'\n {4}content: \|\n((?: {6}.*\n|\n)+)/g,
  )) {
    const content = text.replaceAll(/^ {6}/gm, '').replaceAll('/etc/vestibule', join(at, 'etc'))
    writeFileSync(join(at, 'etc', path), content.replaceAll('/opt/vestibule', join(at, 'opt')))
    chmodSync(join(at, 'etc', path), 0o755)
  }
}

/** A machine's folders with the published release in them, as the boot script leaves them. */
const install = async (name: string) => {
  const published = await publish()
  const at = join(folder, name)
  const into = join(at, 'opt', published.release)
  mkdirSync(into, { recursive: true })
  scriptsFor(at, published.release, published.publicKey)
  for (const file of ['release.txt', 'release.sig', 'bundle.tar.gz']) {
    writeFileSync(join(into, file), await published.get(file))
  }
  extract({ file: join(into, 'bundle.tar.gz'), cwd: into, sync: true })
  rmSync(join(into, 'bundle.tar.gz'))
  const verify = () => spawnSync('sh', [join(at, 'etc/verify')], { encoding: 'utf8' })
  return { at, into, published, verify }
}

describe('a release', () => {
  it('is the same for the same input, and names every file that is in it', async () => {
    const again = await buildRelease({
      platform: 'linux-arm64',
      version: '1.2.3',
      programs: new Map([['node', join(folder, 'node')]]),
      into: join(folder, 'again'),
    })
    const list = readFileSync(join(release.folder, 'release.txt'), 'utf8')

    expect(again.id).toBe(release.id)
    expect(list.split('\n').slice(0, 2)).toEqual([
      'vestibule-agent 1.2.3 linux-arm64',
      expect.stringMatching(/^bundle [0-9a-f]{64}$/),
    ])
    const named = [...list.matchAll(/^[0-9a-f]{64} {2}(.*)$/gm)].map(([, path]) => path)
    expect(named).toEqual(expect.arrayContaining(['bin/node', 'runtime.mjs', 'supervisor.mjs']))
    const archive = execFileSync('tar', ['tzf', join(release.folder, 'bundle.tar.gz')], { encoding: 'utf8' })
    expect(archive.trim().split('\n').toSorted()).toEqual(named)
  })

  it('P20 is read as what it is: its id as long as nothing was changed, added or removed', async () => {
    const { into, published } = await install('reader')
    const read = createReleaseReader(into)
    expect(await read()).toBe(published.release)

    const supervisor = join(into, 'supervisor.mjs')
    const text = readFileSync(supervisor)
    writeFileSync(supervisor, Buffer.concat([text, Buffer.from(' ')]))
    expect(await read()).not.toBe(published.release)
    writeFileSync(supervisor, text)
    expect(await read()).toBe(published.release)
    writeFileSync(join(into, 'more.mjs'), '')
    expect(await read()).not.toBe(published.release)
    rmSync(join(into, 'more.mjs'))
    rmSync(join(into, 'install-tools'))
    expect(await read()).not.toBe(published.release)
  })
})

describe.skipIf(!hasTools)('what a machine starts', () => {
  it('P19 is the release that it was told, by digest and signature', async () => {
    const { verify } = await install('good')
    expect(verify()).toMatchObject({ status: 0, stderr: '' })
  })

  it.each<[string, (into: string, at: string) => void]>([
    ['a changed file', (into) => writeFileSync(join(into, 'supervisor.mjs'), 'altered')],
    ['an added file', (into) => writeFileSync(join(into, 'units/more.service'), '')],
    ['a removed file', (into) => rmSync(join(into, 'install-tools'))],
    [
      'a file under another name, by a list that says so',
      (into) => {
        cpSync(join(into, 'install-tools'), join(into, 'other'))
        const list = readFileSync(join(into, 'release.txt'), 'utf8')
        writeFileSync(join(into, 'release.txt'), list.replace('  install-tools', '  other'))
        rmSync(join(into, 'install-tools'))
      },
    ],
    ['no signature', (into) => writeFileSync(join(into, 'release.sig'), '')],
    [
      'a signature by another key',
      (_into, at) => {
        const other = execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout'], {
          stdio: 'pipe',
        })
        const key = execFileSync('openssl', ['ec', '-pubout'], { input: other, stdio: 'pipe' })
        writeFileSync(join(at, 'etc/release-key.pem'), key)
      },
    ],
    [
      'an older release, although it is signed',
      (_into, at) => {
        const path = join(at, 'etc/release.env')
        writeFileSync(path, readFileSync(path, 'utf8').replace(/^RELEASE=.*/m, `RELEASE=${'0'.repeat(64)}`))
        cpSync(_into, join(at, 'opt', '0'.repeat(64)), { recursive: true })
      },
    ],
  ])('P20 is nothing at all with %s', async (name, spoil) => {
    const { into, at, verify } = await install(`bad-${name.length}`)
    expect(existsSync(into)).toBe(true)
    spoil(into, at)
    const { status, stderr } = verify()
    expect([name, status]).toEqual([name, 1])
    expect(stderr).toContain('nothing of this release is started')
  })
})
