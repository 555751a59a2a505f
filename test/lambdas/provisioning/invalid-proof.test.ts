import { GetWebIdentityTokenCommand } from '@aws-sdk/client-sts'
import { describe, expect, it } from 'vitest'
import { proofAudience } from '../../../lambdas/contract/instance.ts'
import { ORIGIN } from '../../support/browser.ts'
import { createHarness, CREDENTIALS } from '../../support/harness.ts'

const AUDIENCE = proofAudience(ORIGIN)

/** A tenant whose agent is ready, and a way to say something as its machine. */
const withMachine = async () => {
  const house = await createHarness()
  const ana = await house.join(await house.joinAsAdmin(), 'ana@example.com')
  await ana.post('/api/agents', { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } })
  await house.settle()
  const [machine] = house.aws.machines.listRunning()
  const prove = async (audience: string, seconds = 300): Promise<string> => {
    const { WebIdentityToken = '' } = await house.aws
      .createStsClientOf(machine?.arn ?? '')
      .send(
        new GetWebIdentityTokenCommand({ Audience: [audience], SigningAlgorithm: 'ES384', DurationSeconds: seconds }),
      )
    return WebIdentityToken
  }
  const say = async (proof: string): Promise<number> =>
    (await house.browse().post('/api/agent/enroll', { proof }, { origin: null })).status
  const refusals = async (): Promise<string[]> =>
    (await ana.get('/api/audit')).body.events
      .filter(({ action }: { action: string }) => action === 'agent.enroll_refused')
      .map(({ detail }: { detail: { because: string } }) => detail.because)
  return { house, prove, say, refusals }
}

describe('a proof that our issuer signed and that does not fit', () => {
  it('EC2-12 is told in the tenant’s trail when it is for somebody else', async () => {
    const { prove, say, refusals } = await withMachine()

    expect(await say(await prove('vestibule https://elsewhere.example'))).toBe(401)

    expect(await refusals()).toEqual(['another_audience'])
  })

  it('EC2-12 is told when it is too old, and once however often it is sent', async () => {
    const { house, prove, say, refusals } = await withMachine()
    const proof = await prove(AUDIENCE, 60)
    house.clock.advanceSeconds(61)

    expect([await say(proof), await say(proof), await say(proof)]).toEqual([401, 401, 401])

    expect(await refusals()).toEqual(['expired'])
  })
})

describe('a proof that somebody made up', () => {
  it('EC2-12 is refused, and fills no trail', async () => {
    const { house, prove, say, refusals } = await withMachine()
    const [head = '', , signature = ''] = (await prove(AUDIENCE)).split('.')
    const claims = Buffer.from(JSON.stringify({ exp: 1, iat: 1, jti: 'x' })).toString('base64url')

    expect(await say(`${head}.${claims}.${signature}`)).toBe(401)

    expect(await refusals()).toEqual([])
    expect(house.aws.database.all("SELECT * FROM ddb_item WHERE item LIKE '%enroll_refused%'")).toEqual([])
  })
})
