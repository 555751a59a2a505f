import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AgentId } from '../../../lambdas/contract/ids.ts'
import { toBeSigned } from '../../../lambdas/support/ssh-certificate.ts'
import { readPublicKey, string } from '../../../lambdas/support/ssh-wire.ts'
import type { Browser } from '../../support/browser.ts'
import { createHarness, CREDENTIALS, type Harness, type HarnessOptions } from '../../support/harness.ts'

const REASON = 'Ticket 4711: the agent does not answer in Slack'

const newKeyLine = (): string => {
  const { publicKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  return `ssh-ed25519 ${Buffer.concat([string('ssh-ed25519'), string(raw)]).toString('base64')} throw-away`
}
const p256Line = (): string => {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  const parts = ['ecdsa-sha2-nistp256', 'nistp256', point].map((part) => string(part))
  return `ecdsa-sha2-nistp256 ${Buffer.concat(parts).toString('base64')}`
}

const withAgent = async (supportAccess = true, options: HarnessOptions = {}) => {
  const house = await createHarness(options)
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, 'ana@example.com')
  const help = await house.join(admin, 'help@example.com', { role: 'support' })
  await ana.post('/api/agents', {
    name: 'A',
    supportAccess,
    credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken },
  })
  await house.settle()
  const { id } = (await ana.get('/api/agents')).body.agents[0]
  return { house, ana, help, id: id as string }
}

const ask = (help: Browser, agentId: string, more: Record<string, unknown> = {}) =>
  help.post('/api/support/certificates', { agentId, publicKey: newKeyLine(), reason: REASON, ...more })

/** Takes a certificate apart, as sshd would. */
const parse = (line: string) => {
  const [type = '', base64 = ''] = line.split(' ')
  const bytes = Buffer.from(base64, 'base64')
  let at = 0
  const take = (length: number) => bytes.subarray(at, (at += length))
  const text = () => take(take(4).readUInt32BE())
  text()
  const nonce = text()
  for (let field = 0; field < (type.startsWith('ssh-ed25519') ? 1 : 2); field += 1) text()
  const serial = take(8).readBigUInt64BE()
  const kind = take(4).readUInt32BE()
  const keyId = text().toString()
  const principals = text()
  const [after, before] = [take(8).readBigUInt64BE(), take(8).readBigUInt64BE()]
  const [critical, extensions, reserved] = [text(), text(), text()]
  const ca = text()
  const signed = bytes.subarray(0, at)
  const signature = text()
  return {
    type,
    nonce,
    serial,
    kind,
    keyId,
    principals,
    after,
    before,
    critical,
    extensions,
    reserved,
    ca,
    signed,
    signature,
    rest: bytes.length - at,
  }
}

const caKey = async (house: Harness) => {
  const point = await house.deps.ca.publicPoint()
  return createPublicKey({
    key: {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
    format: 'jwk',
  })
}

describe('a support certificate', () => {
  it('H1 is for one agent and one user, for minutes, without forwarding, and signed by the CA', async () => {
    const { house, help, id } = await withAgent()

    const reply = await ask(help, id, { minutes: 15 })

    expect(reply.status).toBe(201)
    const now = house.clock.now().getTime()
    expect(reply.body).toEqual({
      certificate: expect.stringMatching(/^ssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/=]+ vestibule\/local\/acc_/),
      principal: `agent-${id}`,
      instanceId: expect.stringMatching(/^i-/),
      validUntil: new Date(now + 15 * 60_000).toISOString(),
    })
    const got = parse(reply.body.certificate)
    expect([got.kind, got.principals, got.critical.length, got.reserved.length, got.rest]).toEqual([
      1,
      string(`agent-${id}`),
      0,
      0,
      0,
    ])
    expect(got.extensions).toEqual(Buffer.concat([string('permit-pty'), string('')]))
    expect(got.keyId).toMatch(new RegExp(`^vestibule/local/acc_\\w+/[0-9a-f]+/${id}$`))
    expect([Number(got.after), Number(got.before)]).toEqual([now / 1000 - 60, now / 1000 + 900])
    const inner = got.signature.subarray(4 + 'ecdsa-sha2-nistp256'.length + 4)
    const rLength = inner.readUInt32BE(0)
    const half = (bytes: Buffer) => Buffer.concat([Buffer.alloc(32), bytes]).subarray(-32)
    const [r, s] = [inner.subarray(4, 4 + rLength), inner.subarray(8 + rLength)]
    const raw = Buffer.concat([half(r), half(s)])
    expect(verify('sha256', got.signed, { key: await caKey(house), dsaEncoding: 'ieee-p1363' }, raw)).toBe(true)
  })

  it('is read by OpenSSH as it is meant, for both kinds of key', async ({ skip, onTestFinished }) => {
    try {
      execFileSync('ssh-keygen', ['-Q'], { stdio: 'ignore' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') skip('there is no ssh-keygen on this machine')
    }
    const { help, id } = await withAgent()
    for (const publicKey of [newKeyLine(), p256Line()]) {
      const { certificate } = (await ask(help, id, { publicKey })).body
      const folder = mkdtempSync(join(tmpdir(), 'vestibule-certificate-'))
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
      const file = join(folder, 'key-cert.pub')
      writeFileSync(file, certificate)
      const said = execFileSync('ssh-keygen', ['-L', '-f', file], { encoding: 'utf8' })
      expect(said).toMatch(/Type: \S+-cert-v01@openssh\.com user certificate/)
      expect(said).toMatch(
        new RegExp(`Principals:\\s+agent-${id}\\s+Critical Options: \\(none\\)\\s+Extensions:\\s+permit-pty\\s*$`),
      )
      expect(said).toMatch(/Signing CA: ECDSA SHA256:\S+ \(using ecdsa-sha2-nistp256\)/)
    }
  })

  it('AUD-01 stands in the tenant’s own trail: who, why, until when', async () => {
    const { ana, help, id } = await withAgent()
    const { validUntil } = (await ask(help, id)).body

    const { events } = (await ana.get('/api/audit')).body
    const [event] = events.filter(({ action }: { action: string }) => action === 'support.certificate_issued')
    expect(event).toMatchObject({
      actor: { kind: 'support', id: expect.stringMatching(/^acc_/) },
      target: id,
      detail: {
        reason: REASON,
        until: validUntil,
        serial: expect.stringMatching(/^\d+$/),
        requestId: expect.any(String),
      },
    })
  })

  it('SSH-02 is refused where the tenant does not allow support, and once they have turned it off', async () => {
    const off = await withAgent(false)
    expect([(await ask(off.help, off.id)).status, (await ask(off.help, off.id)).body.error.code]).toEqual([
      403,
      'support_access_off',
    ])

    const on = await withAgent()
    expect((await ask(on.help, on.id)).status).toBe(201)
    const turningOff = on.ana.put(`/api/agents/${on.id}/support-access`, { enabled: false })
    const meanwhile = []
    for (let turn = 0; turn < 5; turn += 1) {
      await on.house.work()
      meanwhile.push((await ask(on.help, on.id)).status)
    }
    expect((await turningOff).status).toBe(200)
    expect((await ask(on.help, on.id)).body.error.code).toBe('support_access_off')
    expect(meanwhile.at(-1)).toBe(403)
  })

  it('SSH-02 is refused when the tenant turns support off while it is being signed', async () => {
    let turnOff: (() => Promise<unknown>) | null = null
    const { house, ana, help, id } = await withAgent(true, {
      hook: async (call, proceed) => {
        if (call.operation === 'Sign') await turnOff?.()
        return proceed()
      },
    })
    const { tenant } = (await ana.get('/api/session')).body
    turnOff = async () => {
      const agent = await house.deps.agents.read(tenant.id, AgentId.parse(id))
      if (agent !== null) await house.deps.agents.replace({ ...agent, supportAccess: false }, agent)
    }

    const reply = await ask(help, id)

    expect([reply.status, reply.body.error?.code]).toEqual([403, 'support_access_off'])
    const { events } = (await ana.get('/api/audit')).body
    expect(events.map(({ action }: { action: string }) => action)).not.toContain('support.certificate_issued')
  })

  it('is refused for an agent that is not there, has no machine, or is another tenant’s secret to everybody but support', async () => {
    const { ana, help, id, house } = await withAgent()
    expect((await ask(help, `agt_${'0'.repeat(26)}`)).status).toBe(404)
    expect((await ask(ana, id)).status).toBe(403)
    await ana.del(`/api/agents/${id}`)
    expect((await ask(help, id)).body.error.code).toBe('wrong_state')
    await house.settle()
    expect((await ask(help, id)).status).toBe(404)
  })

  it.each([
    ['no reason', { reason: '' }, 'reason'],
    ['more than fifteen minutes', { minutes: 16 }, 'minutes'],
    ['no time at all', { minutes: 0 }, 'minutes'],
    ['an RSA key', { publicKey: `ssh-rsa ${Buffer.alloc(200).toString('base64')}` }, 'publicKey'],
    ['a key with options in front', { publicKey: `command="id" ${newKeyLine()}` }, 'publicKey'],
    ['two lines', { publicKey: `${newKeyLine()}\n${newKeyLine()}` }, 'publicKey'],
    [
      'a key whose insides are another’s',
      { publicKey: newKeyLine().replace('AAAAC3NzaC1lZDI1NTE5', 'AAAAC3NzaC1lZDI1NTE4') },
      'publicKey',
    ],
    ['a credential as the reason', { reason: CREDENTIALS.githubToken }, 'reason'],
  ])('SSH-04 is refused for %s', async (_, more, path) => {
    const { help, id } = await withAgent()

    const reply = await ask(help, id, more)

    expect([reply.status, reply.body.error.issues?.[0]?.path]).toEqual([400, path])
  })

  it('SSH-01 is never signed for nobody in particular', () => {
    const key = readPublicKey(newKeyLine())
    if (!key.ok) throw new Error('the test made no key')
    const request = {
      key: key.value,
      nonce: Buffer.alloc(32),
      serial: 1n,
      keyId: 'k',
      principal: '',
      validAfter: new Date(0),
      validBefore: new Date(1),
      caPoint: Buffer.alloc(65),
    }

    expect(() => toBeSigned(request)).toThrow(/needs a principal/)
  })

  it('lists for support what is open to it, and nothing that was given', async () => {
    const { help, id } = await withAgent()
    const listed = await help.get('/api/support/agents')

    expect(listed.body.agents).toEqual([
      {
        id,
        tenantId: expect.any(String),
        name: 'A',
        status: 'ready',
        instanceId: expect.any(String),
        updatedAt: expect.any(String),
      },
    ])
  })
})
