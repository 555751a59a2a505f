import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli, type World } from '../../cli/main.ts'
import { createTokenStore, systemKeychain } from '../../cli/token-store.ts'
import { Secret } from '../../lambdas/core/secret.ts'
import type { Browser } from '../support/browser.ts'
import { createHarness, CREDENTIALS, type Harness } from '../support/harness.ts'

const SITE = 'http://localhost:3000'
const PUBLIC_KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)} vestibule`

interface Ran {
  exit: number
  out: string
  err: string
}

/** One user at a terminal, whose network is the product in this process. */
const createUser = (house: Harness, token?: string) => {
  const folder = join(mkdtempSync(join(tmpdir(), 'vestibule-cli-')), 'vestibule')
  const programs: string[][] = []
  const seen: { key?: string; certificate?: string } = {}
  const run = async (line: string | string[], change: Partial<World> = {}): Promise<Ran> => {
    let [out, err] = ['', '']
    const exit = await runCli(typeof line === 'string' ? line.split(' ') : line, {
      store: createTokenStore(folder, systemKeychain('linux', {})),
      fetch: async (input, init) => house.app.fetch(new Request(String(input), init), {}),
      readToken: async () => new Secret(token ?? ''),
      askProgram: (command, words) => {
        programs.push([command, ...words])
        if (command !== 'ssh-keygen') return `${command} 1.0`
        const file = words.at(-1) ?? ''
        if (words.includes('ed25519')) {
          writeFileSync(file, 'private')
          writeFileSync(`${file}.pub`, `${PUBLIC_KEY}\n`)
        }
        return 'made'
      },
      runProgram: (command, words) => {
        programs.push([command, ...words])
        seen.key = words[1]
        seen.certificate = readFileSync(`${words[1]}-cert.pub`, 'utf8')
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
  return { run, folder, programs, seen }
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
      /ForwardAgent=no .*ClearAllForwardings=yes .*ProxyCommand=aws ec2-instance-connect open-tunnel --instance-id (i-\w+) support@\1$/,
    )
    expect(help.seen.certificate).toMatch(/^ssh-ed25519-cert-v01@openssh\.com /)
    expect(existsSync(help.seen.key ?? '/')).toBe(false)
    expect(readdirSync(tmpdir()).filter((name) => name === (help.seen.key ?? '').split('/').at(-2))).toEqual([])
    const { events } = (await anaBrowser.get('/api/audit')).body
    expect(events[0]).toMatchObject({ action: 'support.certificate_issued', detail: { reason: 'Ticket 4711: silent' } })
    expect((await help.run('ssh A')).exit).toBe(2)
    expect((await help.run(['ssh', 'B', '--reason', 'x'])).exit).toBe(2)
    await anaBrowser.put(`/api/agents/${events[0].target}/support-access`, { enabled: true })
  })

  it('is told what is wrong with this setup', async () => {
    const { help } = await withPeople()
    const well = await help.run('doctor')
    expect([well.exit, well.out]).toEqual([
      0,
      expect.stringMatching(/^ +WHAT +FOUND\nok +site .*\nok +token +help@example\.com, support\n/),
    ])
    const ill = await help.run('doctor', { askProgram: () => null })
    expect([ill.exit, ill.out]).toEqual([1, expect.stringContaining('needs the AWS CLI')])
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

describe('the terminal', () => {
  it('INJ-10 is safe from what the service says, in words and in JSON', async () => {
    const { ana } = await withPeople()
    const hostile = '\u001B]0;owned\u0007\u001B[2J\rroot\u009B31m\u202E'
    const answer =
      (body: unknown, status = 200) =>
      async () =>
        Response.json(body, { status })
    const forged = { agents: [{ id: 'x', name: hostile, status: hostile, instance: { id: hostile } }] }
    const refused = { error: { code: 'conflict', message: hostile, issues: [{ path: hostile, rule: hostile }] } }
    for (const line of ['agents', 'agents --json']) {
      const { out } = await ana.run(line, { fetch: answer(forged) as typeof fetch })
      expect([line, /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/.test(out)]).toEqual([line, false])
    }
    const { err } = await ana.run('agents', { fetch: answer(refused, 409) as typeof fetch })
    expect(err).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/)
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
  ])('says how to ask after "%s"', async (line, exit) => {
    const { admin } = await withPeople()
    const ran = await admin.run(line === '' ? [] : line)
    expect([line, ran.exit, `${ran.out}${ran.err}`.length > 20]).toEqual([line, exit, true])
  })
})
