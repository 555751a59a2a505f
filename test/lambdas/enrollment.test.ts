import { generateKeyPairSync } from 'node:crypto'
import { GetWebIdentityTokenCommand } from '@aws-sdk/client-sts'
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { AgentId, TenantId } from '../../lambdas/contract/ids.ts'
import { RUNTIME_HASH } from '../../local/stand-in-instance.ts'
import { createHarness, CREDENTIALS } from '../support/harness.ts'

/** A machine that was launched and has said nothing yet, and how it would prove itself. */
const withMachine = async () => {
  const house = await createHarness()
  const ana = await house.join(await house.joinAsAdmin(), 'ana@example.com')
  const onboarded = await ana.post('/api/agents', {
    name: 'A',
    credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken },
  })
  await house.work()
  house.clock.advanceSeconds(10)
  house.aws.machines.advance()
  const [machine] = house.aws.machines.listRunning()
  if (machine === undefined) throw new Error('no machine was launched')
  const audience = /"proofAudience":"([^"]+)"/.exec(machine.userData)?.[1] ?? ''
  const prove = async (arn = machine.arn, to = audience) => {
    const { WebIdentityToken = '' } = await house.aws
      .createStsClientOf(arn)
      .send(new GetWebIdentityTokenCommand({ Audience: [to], SigningAlgorithm: 'ES384', DurationSeconds: 300 }))
    return WebIdentityToken
  }
  const call = async (path: string, body: unknown) => {
    const reply = await house.browse({ address: '198.51.100.7' }).post(path, body, { origin: null })
    return reply.status
  }
  const enroll = (proof: string) => call('/api/agent/enroll', { proof })
  const beat = (proof: string) => call('/api/agent/heartbeat', { proof, runtimeHash: RUNTIME_HASH })
  const id = AgentId.parse(onboarded.body.agent.id)
  const tenantId = TenantId.parse((await ana.get('/api/session')).body.tenant.id)
  return { house, ana, id, tenantId, machine, audience, prove, enroll, beat }
}

describe('enrolling', () => {
  it('EC2-12 takes no proof for somebody else', async () => {
    const { machine, prove, enroll, beat } = await withMachine()
    const elsewhere = await prove(machine.arn, 'https://somebody-else.example')

    expect([await enroll(elsewhere), await beat(elsewhere)]).toEqual([401, 401])
    expect(await enroll(await prove())).toBe(200)
  })

  it('EC2-12 takes no proof that is forged, old, or names a machine that is not ours', async () => {
    const { house, machine, prove, enroll } = await withMachine()
    const proof = await prove()
    const { alg = '', kid } = decodeProtectedHeader(proof)
    const own = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    const forged = await new SignJWT(decodeJwt(proof)).setProtectedHeader({ alg, kid }).sign(own)
    const [header = '', , signature = ''] = proof.split('.')
    const claims = Buffer.from(JSON.stringify({ ...decodeJwt(proof), jti: 'another' })).toString('base64url')

    for (const bad of [forged, `${header}.${claims}.${signature}`, `${header}.${claims}.`, 'x', proof.slice(0, -4)])
      expect([bad, await enroll(bad)]).toEqual([bad, 401])
    expect(await enroll(await prove(machine.arn.replace(machine.id, 'i-0123456789abcdef0')))).toBe(403)
    house.clock.advanceSeconds(301)
    expect(await enroll(proof)).toBe(401)
    expect(await enroll(await prove())).toBe(200)
  })

  it('EC2-12 takes each proof once', async () => {
    const { prove, enroll, beat } = await withMachine()
    const proof = await prove()
    expect(await enroll(proof)).toBe(200)

    expect(await beat(proof)).toBe(403)
    const second = await prove()
    expect([await beat(second), await beat(second)]).toEqual([200, 403])
  })

  it('EC2-12 lets a machine in once per launch, and hears it from then on', async () => {
    const { ana, prove, enroll, beat } = await withMachine()
    expect(await beat(await prove())).toBe(403)

    expect([await enroll(await prove()), await enroll(await prove()), await beat(await prove())]).toEqual([
      200, 403, 200,
    ])

    const actions = (await ana.get('/api/audit?limit=100')).body.events.map(({ action }: { action: string }) => action)
    expect(actions.filter((action: string) => action === 'agent.enrolled')).toHaveLength(1)
    expect(actions.filter((action: string) => action === 'agent.enroll_refused')).toHaveLength(2)
  })

  it('EC2-12 hears no machine that was replaced', async () => {
    const { house, id, tenantId, prove, enroll, beat } = await withMachine()
    expect(await enroll(await prove())).toBe(200)
    const agent = await house.deps.agents.read(tenantId, id)
    if (agent?.instance === undefined) throw new Error('the agent has no machine')
    const instance = { ...agent.instance, arn: `${agent.instance.arn}0` }
    await house.deps.agents.replace({ ...agent, attempt: agent.attempt + 1, instance }, agent)

    expect([await beat(await prove()), await enroll(await prove())]).toEqual([403, 403])
  })
})
