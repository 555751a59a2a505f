import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderUserData } from '../../lambdas/provisioning/user-data.ts'
import { AgentId } from '../../lambdas/contract/ids.ts'
import { createBrowser } from '../support/browser.ts'
import { ADAPTERS, createHarness, CREDENTIALS, PASSWORD } from '../support/harness.ts'
import { type RunningProduct, startProduct } from '../support/running-product.ts'
import { findPlanted } from '../support/sinks.ts'

/** Raw HTTP, so that the Host header can lie. */
const ask = (port: number, headers: Record<string, string>, path = '/api/health'): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path, headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.once('error', reject)
    sent.end()
  })

const raw = (port: number, text: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString()
      socket.end()
    })
    socket.once('close', () => resolve(answer))
    socket.once('error', () => resolve(answer))
  })

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  )

const online = () => ({ fetch: (sent: Request) => fetch(sent) })

describe('npm start', () => {
  let product: RunningProduct

  beforeAll(async () => {
    product = await startProduct()
  }, 30_000)

  afterAll(async () => {
    await product.stop()
  })

  it('is ready within five seconds and says how to join', () => {
    expect(product.readyMilliseconds).toBeLessThan(5_000)
    expect(product.output()).toContain(product.adminInviteLink)
    expect(product.adminInviteLink).toMatch(new RegExp(`^http://localhost:${product.port}/join#vst_inv_`))
  })

  it('LOC-01 answers for no other host name', async () => {
    const { port } = product

    expect(await ask(port, { host: `localhost:${port}` })).toBe(200)
    expect(await ask(port, { host: `127.0.0.1:${port}` })).toBe(200)
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost', `localhost.:${port}`, 'localhost:1']) {
      expect([host, await ask(port, { host })]).toEqual([host, 421])
      expect(await ask(port, { host }, '/')).toBe(421)
    }
  })

  it('LOC-03 listens on the loopback interface only', async () => {
    const outside = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).filter((entry) => !entry.internal && entry.family === 'IPv4'),
    )
    expect(outside.length).toBeGreaterThanOrEqual(0)

    for (const { address } of outside) {
      const reached = await new Promise<boolean>((resolve) => {
        const socket = connect(product.port, address)
        socket.once('connect', () => resolve(true))
        socket.once('error', () => resolve(false))
      })
      expect([address, reached]).toEqual([address, false])
    }
  })

  it('HTP-18 survives header bombs', async () => {
    const { port } = product
    const head = `GET /api/health HTTP/1.1\r\nHost: localhost:${port}\r\n`

    const many = await raw(
      port,
      `${head}${Array.from({ length: 300 }, (_, index) => `x-${index}: ${'v'.repeat(100)}\r\n`).join('')}\r\n`,
    )
    const long = await raw(port, `${head}x: ${'v'.repeat(70_000)}\r\n\r\n`)
    const broken = await raw(port, `${head}no colon here\r\n\r\n`)
    const folded = await raw(port, `${head}x: a\r\n b\r\n\r\n`)

    for (const answer of [many, long, broken, folded]) expect(answer).toMatch(/^$|^HTTP\/1\.1 (400|431)/)
    expect(await ask(port, { host: `localhost:${port}` })).toBe(200)
  })

  it('WEB-01 WEB-03 sends the page headers, and a real 404 for what is not there', async () => {
    const page = await fetch(`${product.url}/`)
    const api = await fetch(`${product.url}/api/health`)
    const missing = await Promise.all(
      ['/nothing', '/dashboard/a.js?x', '/agents/x.css', '/index.html', '/assets/../local.json'].map((path) =>
        fetch(product.url + path),
      ),
    )

    expect(page.headers.get('content-security-policy')).toMatch(
      /script-src 'self';.*base-uri 'none'; object-src 'none'; frame-ancestors 'none'/,
    )
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe-inline')
    for (const response of [page, api]) {
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('strict-transport-security')).toContain('includeSubDomains')
      expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin')
    }
    expect(missing.map((response) => response.status)).toEqual([404, 404, 404, 404, 404])
    expect((await fetch(`${product.url}/api/agents/x.css`)).headers.get('cache-control')).toBe('no-store')
    expect((await fetch(`${product.url}/signin`, { method: 'POST', body: 'password=x' })).status).toBe(405)
  })

  it('LOC-07 leaves a data directory to the one that uses it', async () => {
    const second = spawn(process.execPath, ['local/main.ts'], {
      env: { ...process.env, PORT: String(product.port + 1), VESTIBULE_DATA_DIR: product.directory },
    })
    let said = ''
    second.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    const [code] = await once(second, 'exit')

    expect(code).toBe(1)
    expect(said).toContain('in use by another Vestibule')
    expect(await ask(product.port, { host: `localhost:${product.port}` })).toBe(200)
  })

  it('LOC-05 LOC-09 keeps files to their owner and credentials out of all of them', async () => {
    const code = product.adminInviteLink.split('#')[1]
    const admin = createBrowser(online(), { origin: product.url })
    expect(
      (await admin.post('/api/signup', { invite: code, email: 'admin@example.com', password: PASSWORD })).status,
    ).toBe(201)
    const issued = await admin.post('/api/admin/invites', { email: 'ana@example.com' })
    const ana = createBrowser(online(), { origin: product.url })
    await ana.post('/api/signup', {
      invite: issued.body.link.split('#')[1],
      email: 'ana@example.com',
      password: PASSWORD,
    })
    const planted = 'ghp_LoCaLpLaNtEdVaLuE0123456789aBcD'
    const made = await ana.post('/api/agents', {
      name: 'A',
      credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken, githubToken: planted },
    })
    expect(made.status).toBe(202)
    await expect
      .poll(async () => (await ana.get(`/api/agents/${made.body.agent.id}`)).body.agent.status, { timeout: 15_000 })
      .toBe('ready')

    const files = filesBelow(product.directory)
    expect(files.length).toBeGreaterThan(3)
    for (const file of files) {
      expect([file, statSync(file).mode & 0o077]).toEqual([file, 0])
      expect([file, findPlanted(readFileSync(file, 'latin1'), planted, 4)]).toEqual([file, []])
    }
    expect(statSync(product.directory).mode & 0o077).toBe(0)
    const mail = files.find((file) => file.endsWith('.eml')) ?? ''
    expect(readFileSync(mail, 'utf8')).toContain(`To: ana@example.com`)
    expect(readFileSync(mail, 'utf8')).toContain(issued.body.link)
  })
})

describe('kill -9', () => {
  it('loses nothing that was answered and leaves nothing stuck', async () => {
    let product = await startProduct()
    const { directory, port } = product
    const code = product.adminInviteLink.split('#')[1]
    const admin = createBrowser(online(), { origin: product.url })
    await admin.post('/api/signup', { invite: code, email: 'admin@example.com', password: PASSWORD })
    const answered: string[] = []
    try {
      for (let round = 0; round < 4; round += 1) {
        const email = `ana${round}@example.com`
        const issued = await admin.post('/api/admin/invites', { email })
        expect(issued.status).toBe(201)
        const ana = createBrowser(online(), { origin: product.url })
        const joined = await ana.post('/api/signup', {
          invite: issued.body.link.split('#')[1],
          email,
          password: PASSWORD,
        })
        expect(joined.status).toBe(201)
        const body = { name: `Agent ${round}`, credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }
        const sending = ana.post('/api/agents', body, { 'idempotency-key': `k${round}` }).catch(() => null)
        await new Promise((resolve) => setTimeout(resolve, [5, 40, 400, 1500][round]))
        await product.kill()
        const reply = await sending
        product = await startProduct(directory, port)

        expect((await ana.get('/api/session')).body.account.email).toBe(email)
        const again = await ana.post('/api/agents', body, { 'idempotency-key': `k${round}` })
        expect(again.status).toBe(202)
        if (reply?.status === 202) expect(again.body.agent.id).toBe(reply.body.agent.id)
        answered.push(again.body.agent.id)
        await expect
          .poll(async () => (await ana.get(`/api/agents/${again.body.agent.id}`)).body.agent.status, {
            timeout: 40_000,
            interval: 200,
          })
          .toBe('ready')
        expect((await ana.get('/api/agents')).body.agents).toHaveLength(1)
      }
      const patched = answered.at(-1)
      expect(patched).toBeDefined()
    } finally {
      await product.stop()
    }
  }, 240_000)
})

describe('text that people type', () => {
  it('INJ-01 LEK-08 never reaches the machine: user data is the same but for ids', () => {
    const ids = ['0', '1'].map((digit) => AgentId.parse(`agt_${digit.repeat(26)}`))
    const texts = ids.map((agentId) =>
      renderUserData({
        agentId,
        apiUrl: 'https://site.example',
        proofAudience: 'vestibule',
        region: 'eu-central-1',
        secretId: `vestibule/test/tenant/ten_${'0'.repeat(26)}/agent/${agentId}`,
        release: 'a'.repeat(64),
        assetsOrigin: 'https://assets.example',
        releaseKey: 'A'.repeat(124),
      }).replaceAll(agentId, 'ID'),
    )

    expect(texts[0]).toBe(texts[1])
    expect(Buffer.byteLength(texts[0] ?? '')).toBeLessThan(16 * 1024)
  })

  it.each(ADAPTERS)(
    'INJ-01 INJ-06 INJ-09 is refused where it could be read as something else, over %s',
    async (adapter) => {
      const house = await createHarness({ adapter })
      const admin = await house.joinAsAdmin()
      const ana = await house.join(admin, 'ana@example.com')
      const credentials = { claudeCodeToken: CREDENTIALS.claudeCodeToken }

      for (const name of [
        '$(id)',
        '`id`',
        ';id',
        '&&id',
        '|id',
        "a'b",
        'a"b',
        'a\nb',
        '${IFS}',
        '#cloud-config',
        '<img src=x onerror=alert(1)>',
        '<svg>',
        'javascript:x',
        '../a',
        'a/b',
        '-rf',
        '',
      ]) {
        expect([name, (await ana.post('/api/agents', { name, credentials })).status]).toEqual([name, 400])
      }
      for (const id of ['../x', '%2e%2e', 'agt_..', '/etc/passwd', 'agt_%00']) {
        expect([id, (await ana.get(`/api/agents/${id}`)).status]).toEqual([id, 404])
      }
      const tenant = await admin.post('/api/admin/invites', {
        email: 'x@example.com',
        tenantName: '<b>Bold & "quoted"</b>',
      })
      expect(tenant.body.invite.tenantName).toBe('<b>Bold & "quoted"</b>')
    },
  )
})
