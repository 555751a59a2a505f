import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { boundedFetch } from '../../cli/bounded-fetch.ts'
import { runCli, type World } from '../../cli/main.ts'
import { createTokenStore, systemKeychain } from '../../cli/token-store.ts'
import { Secret } from '../../lambdas/core/secret.ts'
import { readArchive } from '../support/archive.ts'
import type { Browser } from '../support/browser.ts'
import { createHarness, CREDENTIALS, type Harness } from '../support/harness.ts'

const SITE = 'http://localhost:3000'
const PUBLIC_KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)} vestibule`

const UNSAFE = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]|\u{E0041}/u

interface Ran {
  exit: number
  out: string
  err: string
}

/** Those of the folders that keys were made in which are still there. */
const leftKeys = (programs: readonly string[][]): string[] =>
  programs
    .filter(([command]) => command === 'ssh-keygen')
    .map((words) => dirname(words.at(-1) ?? ''))
    .filter((folder) => existsSync(folder))

/** One user at a terminal, whose network is the product in this process. */
const createUser = (house: Harness, token?: string) => {
  const folder = join(mkdtempSync(join(tmpdir(), 'vestibule-cli-')), 'vestibule')
  const programs: string[][] = []
  const seen: { key?: string; certificate?: string } = {}
  const run = async (line: string | string[], change: Partial<World> = {}): Promise<Ran> => {
    let [out, err] = ['', '']
    const exit = await runCli(typeof line === 'string' ? line.split(' ') : line, {
      store: createTokenStore(folder, systemKeychain('linux', {})),
      now: house.clock.now,
      fetch: async (input, init) => house.app.fetch(new Request(String(input), init), {}),
      readToken: async () => new Secret(token ?? ''),
      askProgram: (command, words) => {
        programs.push([command, ...words])
        if (command !== 'ssh-keygen')
          return command === 'aws' ? 'aws-cli/2.31.0 Python/3.13' : 'ssh-ed25519-cert-v01@openssh.com'
        const file = words.at(-1) ?? ''
        if (words.includes('ed25519')) {
          writeFileSync(file, 'private')
          writeFileSync(`${file}.pub`, `${PUBLIC_KEY}\n`)
        }
        return 'made'
      },
      runProgram: (command, words) => {
        programs.push([command, ...words])
        seen.key = words[words.indexOf('-i') + 1]
        seen.certificate = readFileSync(`${seen.key}-cert.pub`, 'utf8')
        return 0
      },
      out: (text) => {
        out += text
      },
      err: (text) => {
        err += text
      },
      ...change,
    })
    return { exit, out, err }
  }
  return { run, wait: house.clock.advanceSeconds, folder, programs, seen }
}

const tokenOf = async (browser: Browser): Promise<string> =>
  (await browser.post('/api/tokens', { name: 'cli' })).body.secret

const withPeople = async () => {
  const house = await createHarness()
  const root = await house.joinAsAdmin()
  const anaBrowser = await house.join(root, 'ana@example.com', { tenantName: 'Ana' })
  const helpBrowser = await house.join(root, 'help@example.com', { role: 'support' })
  await anaBrowser.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
  await house.settle()
  const people = {
    admin: createUser(house, await tokenOf(root)),
    ana: createUser(house, await tokenOf(anaBrowser)),
    help: createUser(house, await tokenOf(helpBrowser)),
  }
  for (const { run } of Object.values(people)) expect((await run(`login ${SITE}`)).exit).toBe(0)
  return { house, root, anaBrowser, helpBrowser, ...people }
}

describe('signing in at the command line', () => {
  it('CLI-01 keeps the token in a file that only its owner reads, and prints it nowhere', async () => {
    const house = await createHarness()
    const token = await tokenOf(await house.joinAsAdmin())
    const { run, folder } = createUser(house, token)

    const signedIn = await run(`login ${SITE}`)

    expect(signedIn).toEqual({
      exit: 0,
      out: expect.stringContaining('Signed in as root@example.com (admin)'),
      err: '',
    })
    expect(signedIn.out).not.toContain(token)
    const file = join(folder, 'settings.json')
    expect([statSync(file).mode & 0o777, statSync(folder).mode & 0o777]).toEqual([0o600, 0o700])
    expect((await run('whoami')).out).toBe(`root@example.com, admin, at ${SITE}\n`)
    expect((await run('logout')).exit).toBe(0)
    expect(existsSync(file)).toBe(false)
    expect(await run('whoami')).toMatchObject({ exit: 2, err: expect.stringContaining('vestibule login') })
  })

  it('keeps nothing that is no token, that nobody knows, or for an address without TLS', async () => {
    const house = await createHarness()
    const unknown = createUser(house, `vst_pat_${'A'.repeat(72)}`)
    expect((await createUser(house, 'hunter2').run(`login ${SITE}`)).exit).toBe(2)
    expect((await unknown.run(`login ${SITE}`)).exit).toBe(3)
    expect((await unknown.run('login http://vestibule.example.com')).exit).toBe(2)
    expect(existsSync(unknown.folder)).toBe(false)
  })

  it('is not stopped by a settings file that cannot be read', async () => {
    const house = await createHarness()
    const { run, folder } = createUser(house, await tokenOf(await house.joinAsAdmin()))
    await run(`login ${SITE}`)
    writeFileSync(join(folder, 'settings.json'), '{"site":')

    expect(await run('whoami')).toMatchObject({ exit: 2, err: expect.stringContaining('vestibule logout') })
    expect((await run('logout')).exit).toBe(0)
    expect((await run(`login ${SITE}`)).exit).toBe(0)
  })

  it('trusts a keychain only with what it gives back, and leaves no token for a site before', async () => {
    const folder = join(mkdtempSync(join(tmpdir(), 'vestibule-cli-')), 'vestibule')
    const kept = new Map<string, Secret>()
    const keychain = {
      name: 'the keychain',
      write: (site: string, token: Secret) => Boolean(kept.set(site, token)),
      read: (site: string) => kept.get(site) ?? null,
      remove: (site: string) => void kept.delete(site),
    }
    const store = createTokenStore(folder, keychain)
    expect(store.save('https://one.example', new Secret('first'))).toBe('the keychain')
    expect(store.save('https://two.example', new Secret('second'))).toBe('the keychain')
    expect([[...kept.keys()], store.load()?.token?.reveal()]).toEqual([['https://two.example'], 'second'])

    const forgetful = createTokenStore(folder, { ...keychain, read: () => null })
    expect(forgetful.save('https://two.example', new Secret('third'))).toBe(join(folder, 'settings.json'))
    expect(forgetful.load()?.token?.reveal()).toBe('third')
  })

  it('says when a token has been revoked, and when the service does not answer', async () => {
    const { admin, root } = await withPeople()
    const offline = await admin.run('invites', { fetch: async () => Promise.reject(new TypeError('no network')) })
    expect([offline.exit, offline.err]).toEqual([4, expect.stringContaining('try again')])
    const { tokens } = (await root.get('/api/tokens')).body
    await root.del(`/api/tokens/${tokens[0].id}`)
    expect((await admin.run('invites')).exit).toBe(3)
  })
})

describe('what people do', () => {
  it('admins invite and look', async () => {
    const { admin } = await withPeople()

    const made = await admin.run(['invite', 'bob@example.com', '--tenant-name', 'Bob & Co', '--hours', '24'])
    expect(made).toMatchObject({
      exit: 0,
      out: expect.stringMatching(/The link for bob@example\.com.*\n\n {2}http:\/\/localhost:3000\/join#vst_inv_/),
    })
    const listed = await admin.run('invites --state pending')
    expect(listed.out).toMatch(
      /^ADDRESS +FOR +STATE +MAIL +ENDS \(UTC\)\nbob@example\.com +Bob & Co +pending +queued +2026-11-22 \d\d:\d\d\n$/,
    )
    expect(JSON.parse((await admin.run('invites --state pending --json')).out)).toMatchObject([
      { email: 'bob@example.com' },
    ])
    expect(await admin.run('invite bob@example.com')).toMatchObject({
      exit: 1,
      err: expect.stringContaining('already a pending invite'),
    })
    expect(await admin.run('invite nobody')).toMatchObject({
      exit: 1,
      err: expect.stringContaining('email: not_an_email'),
    })
  })

  it('tenants see their agents, support those that are open to it', async () => {
    const { ana, help } = await withPeople()
    expect((await ana.run('agents')).out).toMatch(/^AGENT +STATE +MACHINE +ID\nA +ready +i-\w+ +agt_\w+\n$/)
    expect((await help.run('agents')).out).toMatch(/\nA +ready +i-/)
    expect((await ana.run('invites')).exit).toBe(1)
  })

  it('H8 support is let in with a key that is gone when the session ends', async () => {
    const { help, anaBrowser } = await withPeople()

    const ran = await help.run(['ssh', 'A', '--reason', 'Ticket 4711: silent', '--minutes', '10'])

    expect(ran).toMatchObject({ exit: 0, out: expect.stringContaining('The session is over') })
    const [ssh = []] = help.programs.filter(([command]) => command === 'ssh')
    expect(ssh.join(' ')).toMatch(
      /^ssh -F none -i \S+ .*IdentityAgent=none -o ForwardAgent=no .*ClearAllForwardings=yes .*ProxyCommand=aws ec2-instance-connect open-tunnel --instance-id (i-\w+) support@\1$/,
    )
    expect(help.seen.certificate).toMatch(/^ssh-ed25519-cert-v01@openssh\.com /)
    expect(existsSync(help.seen.key ?? '/')).toBe(false)
    expect(leftKeys(help.programs)).toEqual([])
    const { events } = (await anaBrowser.get('/api/audit')).body
    expect(events[0]).toMatchObject({ action: 'support.certificate_issued', detail: { reason: 'Ticket 4711: silent' } })
    expect((await help.run('ssh A')).exit).toBe(2)
    expect((await help.run(['ssh', 'B', '--reason', 'x'])).exit).toBe(2)
  })

  it('SSH-02 support is refused once the tenant has turned it off', async () => {
    const { help, anaBrowser, house } = await withPeople()
    const [agent] = (await anaBrowser.get('/api/agents')).body.agents
    const turningOff = anaBrowser.put(`/api/agents/${agent.id}/support-access`, { enabled: false })
    await house.settle()
    expect((await turningOff).status).toBe(200)

    const ran = await help.run(['ssh', agent.id, '--reason', 'Ticket 4711'])

    expect([ran.exit, help.programs.filter(([command]) => command === 'ssh')]).toEqual([2, []])
  })

  it('opens nothing on a machine whose name a shell would read as more than a name', async () => {
    const { help } = await withPeople()
    const agent = { id: 'x', tenantId: 'x', tenantName: 'x', name: 'A', status: 'ready', supportAccess: true }
    const answers: Record<string, unknown> = {
      '/api/session': { account: { id: 'a', email: 'help@example.com', role: 'support' }, tenant: null },
      '/api/support/agents': { agents: [agent] },
      '/api/support/certificates': { certificate: 'c', instanceId: 'i-0123456789abcdef0;id' },
    }

    const ran = await help.run(['ssh', 'A', '--reason', 'x'], {
      fetch: async (input) => Response.json(answers[new URL(String(input)).pathname]),
    })

    expect([ran.exit, ran.err, help.programs.map(([command]) => command)]).toEqual([
      2,
      expect.stringContaining('named a machine that is none'),
      ['ssh-keygen'],
    ])
    expect(leftKeys(help.programs)).toEqual([])
  })

  it('leaves no key behind when the service refuses, or ssh fails', async () => {
    const { help } = await withPeople()
    const tooLong = await help.run(['ssh', 'A', '--reason', 'Ticket 4711', '--minutes', '16'])
    const failed = await help.run(['ssh', 'A', '--reason', 'Ticket 4711'], { runProgram: () => 255 })
    const missing = await help.run(['ssh', 'A', '--reason', 'Ticket 4711'], { runProgram: () => null })
    const said = await help.run(['ssh', 'A', '--reason', 'Ticket 4711'], { runProgram: () => 3 })

    expect([tooLong.exit, failed.exit, missing.exit, said.exit]).toEqual([1, 1, 2, 0])
    expect([help.programs.length, leftKeys(help.programs)]).toEqual([4, []])
  })

  it('sees every page of a list', async () => {
    const { admin } = await withPeople()
    for (let made = 0; made < 101; made += 1) {
      expect((await admin.run(`invite person-${made}@example.com`)).exit).toBe(0)
      if (made % 20 === 19) admin.wait(3601)
    }
    expect(JSON.parse((await admin.run('invites --json')).out)).toHaveLength(101 + 3)
  })

  it('is told what is wrong with this setup', async () => {
    const { help, helpBrowser } = await withPeople()
    const well = await help.run('doctor')
    expect([well.exit, well.out]).toEqual([
      0,
      expect.stringMatching(/^ +WHAT +FOUND\nok +site .*\nok +token +help@example\.com, support\n/),
    ])
    const ill = await help.run('doctor', { askProgram: () => null })
    expect([ill.exit, ill.out]).toEqual([1, expect.stringContaining('needs the AWS CLI')])

    const old = await help.run('doctor', { askProgram: () => 'aws-cli/1.45.11 Python/3.11.7' })
    expect([old.exit, old.out]).toEqual([1, expect.stringMatching(/!! +aws +aws-cli\/1\.45\.11: .*version 2/)])

    const down = await help.run('doctor', { fetch: async () => Promise.reject(new TypeError('no network')) })
    expect([down.exit, down.out]).toEqual([1, expect.stringMatching(/!! +site .* does not answer.*\nok +ssh/)])
    const { tokens } = (await helpBrowser.get('/api/tokens')).body
    await helpBrowser.del(`/api/tokens/${tokens[0].id}`)
    const ended = await help.run('doctor')
    expect([ended.exit, ended.out]).toEqual([1, expect.stringMatching(/!! +token .*vestibule login /)])
    await help.run('logout')
    const fresh = await help.run('doctor')
    expect([fresh.exit, fresh.out]).toEqual([1, expect.stringMatching(/!! +site +None yet.*\nok +ssh/)])
  })
})

describe('audit verify', () => {
  it('AUD-04 recomputes the whole trail and names the first break', async () => {
    const { ana, admin, house } = await withPeople()

    const whole = await ana.run('audit verify')
    expect([whole.exit, whole.out]).toEqual([
      0,
      expect.stringMatching(/^ten_\w+: \d+ events, whole\. Last hash [0-9a-f]{64}\n/),
    ])
    expect((await admin.run('audit verify')).out).toMatch(/platform: \d+ events, whole/)
    const hash = /Last hash (\w+)/.exec(whole.out)?.[1] ?? ''
    expect((await ana.run(`audit verify --expect ${hash}`)).exit).toBe(0)

    const { database } = house.aws
    const [row] = database.all(
      "SELECT pk, sk, item FROM ddb_item WHERE tbl = 'vestibule-audit' AND pk LIKE 'ten_%' ORDER BY sk LIMIT 1 OFFSET 2",
    )
    const forged = JSON.parse(String(row?.item))
    forged.target = { S: 'somebody else' }
    database.run(
      "UPDATE ddb_item SET item = ? WHERE tbl = 'vestibule-audit' AND pk = ? AND sk = ?",
      JSON.stringify(forged),
      String(row?.pk),
      String(row?.sk),
    )
    expect(await ana.run('audit verify')).toMatchObject({
      exit: 1,
      out: expect.stringContaining('BROKEN. Event 3 is not as it was written.'),
    })
    database.run(
      "DELETE FROM ddb_item WHERE tbl = 'vestibule-audit' AND pk = ? AND sk = ?",
      String(row?.pk),
      String(row?.sk),
    )
    expect((await ana.run('audit verify')).out).toContain('BROKEN. Event 3 is not there.')
    database.run(
      "DELETE FROM ddb_item WHERE tbl = 'vestibule-audit' AND pk = ? AND sk >= ?",
      String(row?.pk),
      String(row?.sk),
    )
    expect(await ana.run(`audit verify --expect ${hash}`)).toMatchObject({
      exit: 1,
      out: expect.stringContaining('cut short'),
    })
  })
})

/** What `aws s3 sync` would bring. */
const download = ({ aws }: Harness): string => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-archive-'))
  for (const [chain, files] of readArchive(aws)) {
    mkdirSync(join(folder, 'audit', chain), { recursive: true })
    for (const { name, text } of files) writeFileSync(join(folder, 'audit', chain, name), text)
  }
  return folder
}

describe('audit verify --archive', () => {
  const withArchive = async () => {
    const world = await withPeople()
    await world.house.archive()
    await world.anaBrowser.post('/api/tokens', { name: 'second' })
    await world.house.archive()
    const folder = download(world.house)
    const tenantId = (await world.anaBrowser.get('/api/session')).body.tenant.id
    const segments = readdirSync(join(folder, 'audit', tenantId)).toSorted()
    const fileOf = (index: number) => join(folder, 'audit', tenantId, segments[index] ?? '')
    const verify = (user: typeof world.admin, more: string[] = []) =>
      user.run(['audit', 'verify', '--archive', folder, ...more])
    return { ...world, folder, tenantId, segments, fileOf, verify }
  }

  it('A12 says that it is whole by itself, signed in or not, and that the live trail goes on from it', async () => {
    const { admin, ana, house, verify, tenantId } = await withArchive()
    const stranger = createUser(house)

    const offline = await verify(stranger)
    expect([offline.exit, offline.out]).toEqual([
      0,
      expect.stringMatching(
        /^platform: \d+ events in 1 segments, whole\. Last hash [0-9a-f]{64}\nten_\w+: \d+ events in 2 segments, whole\..*\nThe live trail was not compared\. Not signed in/,
      ),
    ])
    const hash = /ten_.* Last hash (\w+)/.exec(offline.out)?.[1] ?? ''
    expect((await verify(stranger, ['--expect', hash])).exit).toBe(0)
    expect(await verify(stranger, ['--expect', '0'.repeat(64)])).toMatchObject({
      exit: 1,
      out: expect.stringContaining('is gone: the archive was cut short'),
    })
    const [tenants, admins] = [await verify(ana), await verify(admin)]
    expect([tenants.exit, tenants.out.split('\n').slice(2, -1)]).toEqual([
      0,
      [`${tenantId}: the live trail agrees, to its last event.`],
    ])
    expect([admins.exit, admins.out]).toEqual([
      0,
      expect.stringMatching(
        /platform: the live trail agrees.*\nten_\w+: the live trail agrees, to its last event\.\n$/,
      ),
    ])
    expect(JSON.parse((await verify(ana, ['--json'])).out)).toMatchObject({
      chains: [
        { chain: 'platform', broken: null },
        { chain: tenantId, segments: 2, broken: null },
      ],
      live: [{ chain: tenantId, agrees: true }],
    })
  })

  it('A2 A12 names the first break, and where it lies', async () => {
    const { house, verify, tenantId, segments, fileOf } = await withArchive()
    const stranger = createUser(house)
    const first = readFileSync(fileOf(0), 'utf8')
    writeFileSync(fileOf(0), first.replace('"kind":"tenant"', '"kind":"system"'))
    expect(await verify(stranger)).toMatchObject({
      exit: 1,
      out: expect.stringMatching(
        new RegExp(`${tenantId}: BROKEN\\. Event \\d+ is not as it was written \\(${segments[0]}\\)`),
      ),
    })
    rmSync(fileOf(0))
    expect(await verify(stranger)).toMatchObject({
      exit: 1,
      out: expect.stringContaining(`${tenantId}: BROKEN. Event 1 is not there (${segments[1]}).`),
    })
  })

  it('A2 A12 says when the live trail was written anew, ends before its archive, or has gone on without it', async () => {
    const { admin, ana, house, anaBrowser, folder, fileOf, verify, tenantId } = await withArchive()
    await anaBrowser.post('/api/tokens', { name: 'late' })
    expect(await verify(ana)).toMatchObject({
      exit: 0,
      out: expect.stringContaining('the live trail agrees; 1 newer events are not archived yet.'),
    })
    ana.wait(3601)
    expect(await verify(ana)).toMatchObject({
      exit: 1,
      out: expect.stringContaining('the archive ENDS EARLY: 1 events are missing'),
    })
    await house.archive()
    rmSync(folder, { recursive: true })
    cpSync(download(house), folder, { recursive: true })
    expect((await verify(ana)).exit).toBe(0)

    const before = readFileSync(fileOf(0), 'utf8')
    const { database } = house.aws
    database.run("DELETE FROM ddb_item WHERE tbl = 'vestibule-audit' AND pk = ?", tenantId)
    const gone = await verify(admin)
    expect([gone.exit, gone.out]).toEqual([1, expect.stringContaining(`${tenantId}: GONE from the live trail.`)])
    database.run("DELETE FROM ddb_item WHERE tbl = 'vestibule-directory' AND pk = ?", `CHAIN#${tenantId}`)
    const { audit } = (await createHarness({ aws: house.aws, clock: house.clock })).deps
    const events =
      readArchive(house.aws)
        .get(tenantId)
        ?.flatMap(({ text }) => text.split('\n').slice(1, -1)) ?? []
    for (const _ of events)
      await audit.record(tenantId, {
        actor: { kind: 'system', id: 'x' },
        action: 'access.denied',
        target: 'x',
        detail: {},
      })
    expect(await verify(ana)).toMatchObject({
      exit: 1,
      out: expect.stringContaining(`the live trail is NOT what was archived: event ${events.length} is not the same.`),
    })
    expect(readFileSync(fileOf(0), 'utf8')).toBe(before)
  })

  it('says what to do where there is no archive, and keeps its verdict where the service does not answer', async () => {
    const { ana, folder, verify } = await withArchive()
    expect(await ana.run('audit verify --archive /nowhere')).toMatchObject({
      exit: 2,
      err: expect.stringContaining('docs/runbook.md'),
    })
    const offline = async () => Promise.reject(new TypeError('no network'))
    expect(await ana.run(['audit', 'verify', '--archive', folder], { fetch: offline })).toMatchObject({
      exit: 4,
      out: expect.stringMatching(/segments, whole\.[^]*The live trail was not compared\./),
    })
    expect((await verify(ana)).exit).toBe(0)
  })
})

it('AUD-04 finds an empty trail wanting', async () => {
  const { ana } = await withPeople()
  const ran = await ana.run('audit verify', {
    fetch: async (input) =>
      Response.json(
        String(input).includes('/api/session')
          ? { account: { id: 'a', email: 'ana@example.com', role: 'tenant' }, tenant: { id: 'ten_x', name: 'Ana' } }
          : { events: [] },
      ),
  })
  expect([ran.exit, ran.out]).toEqual([1, expect.stringContaining('Ask the operator')])
})

describe('the terminal', () => {
  it('INJ-10 is safe from what the service says, in words and in JSON', async () => {
    const { ana } = await withPeople()
    const hostile = '\u001B]0;owned\u0007\u001B[2J\rroot\u009B31m\u202E\u{E0041}'
    const answer =
      (body: unknown, status = 200) =>
      async () =>
        Response.json(body, { status })
    const forged = { agents: [{ id: 'x', name: hostile, status: hostile, instance: { id: hostile } }] }
    const refused = { error: { code: 'conflict', message: hostile, issues: [{ path: hostile, rule: hostile }] } }
    for (const line of ['agents', 'agents --json']) {
      const { out } = await ana.run(line, { fetch: answer(forged) as typeof fetch })
      expect([line, UNSAFE.test(out)]).toEqual([line, false])
    }
    const asJson = await ana.run('agents --json', { fetch: answer(forged) as typeof fetch })
    expect(JSON.parse(asJson.out)[0].name).toBe(hostile)
    const { err } = await ana.run('agents', { fetch: answer(refused, 409) as typeof fetch })
    expect(err).not.toMatch(UNSAFE)
  })

  it.each([
    ['', 2],
    ['--help', 0],
    ['nonsense', 2],
    ['agents --state pending', 2],
    ['agents --colour', 2],
    ['invites --state gone', 2],
    ['invite a@example.com --hours many', 2],
    ['login', 2],
    ['login a b', 2],
    ['login a --state pending', 2],
    ['logout now', 2],
    ['invites pending', 2],
    ['toString', 2],
    ['constructor', 2],
  ])('says how to ask after "%s"', async (line, exit) => {
    const { admin } = await withPeople()
    const ran = await admin.run(line === '' ? [] : line)
    expect([line, ran.exit, `${ran.out}${ran.err}`.length > 20]).toEqual([line, exit, true])
  })
})

describe('a service that misbehaves', () => {
  const answering = (answer: () => Response | Promise<Response>) => ({ fetch: boundedFetch(async () => answer()) })
  const endless = () =>
    new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1_000_000)) }))

  it('CLI-04 is a failure with an exit code of its own, in JSON where that was asked for, and never fills the memory', async () => {
    const { ana } = await withPeople()
    const refusal = (code: string, status: number) =>
      Response.json({ error: { code, message: 'No.\u001b[2J', requestId: 'r' } }, { status })

    for (const [answer, exit] of [
      [() => refusal('invalid_input', 400), 1],
      [() => refusal('unauthenticated', 401), 3],
      [() => refusal('unavailable', 503), 4],
      [() => new Response('<h1>Bad gateway</h1>', { status: 502 }), 4],
      [() => new Response('{"agents":[', { status: 200 }), 4],
      [endless, 4],
      [() => Promise.reject(new DOMException('too late', 'TimeoutError')), 4],
    ] as const) {
      const words = await ana.run('agents', answering(answer))
      const asJson = await ana.run('agents --json', answering(answer))
      expect([words.exit, words.out, asJson.exit, asJson.out]).toEqual([exit, '', exit, ''])
      expect(words.err).not.toMatch(UNSAFE)
      expect(JSON.parse(asJson.err).error).toMatchObject({ code: expect.any(String), message: expect.any(String) })
    }
    expect(JSON.parse((await ana.run('agents --hours 3 --json')).err).error.code).toBe('misuse')
  })

  it('CLI-04 is not waited for', async () => {
    const silent: typeof fetch = (_input, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new Error('given up')))
      })

    await expect(boundedFetch(silent, { seconds: 0.02 })('http://localhost/')).rejects.toThrow('given up')
  })
})
