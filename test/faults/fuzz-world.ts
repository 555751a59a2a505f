import { GetWebIdentityTokenCommand } from '@aws-sdk/client-sts'
import { CREDENTIAL_KINDS, type CredentialKind } from '../../lambdas/contract/credential-kinds.ts'
import { proofAudience } from '../../lambdas/contract/instance.ts'
import type { Access } from '../../lambdas/contract/operations.ts'
import { createEmbeddedAws } from '../../local/aws/embedded-aws.ts'
import { type Browser, ORIGIN } from '../support/browser.ts'
import type { Dice } from '../support/dice.ts'
import { createHarness, CREDENTIALS, PASSWORD } from '../support/harness.ts'
import { lambdaTestPlatform } from '../support/lambda.ts'
import { createPlantedIndex } from '../support/planted.ts'
import { letters } from './fuzz-values.ts'

/** Who may call, with what, and what there is to call about. */

export const SESSION_COOKIE = 'vestibule-local'

export interface Caller {
  name: string
  /** Whose account it is, where it is one that others stand on. */
  person?: 'admin' | 'support' | 'ana' | 'bob'
  /** What their credential is good for. */
  may: readonly Access[]
  /** Whose agents are theirs. */
  tenant: 'ana' | 'bob' | null
  cookie?: string
  bearer?: string
}

const PREFIXES: Record<CredentialKind, string> = {
  claudeCodeToken: 'sk-ant-oat01-',
  anthropicApiKey: 'sk-ant-api03-',
  githubToken: 'ghp_',
  slackBotToken: 'xoxb-',
  slackAppToken: 'xapp-1-',
}
const PLANTED_PER_KIND = 30
const POOL_SIZE = 40
const HOURS_9 = 9 * 3600

/** Ids and codes that were seen, the latest of each. */
const createPools = () => {
  const pools: Record<string, string[]> = {}
  return {
    add: (name: string, value: unknown): void => {
      if (typeof value !== 'string') return
      const pool = (pools[name] ??= [])
      if (pool.includes(value)) return
      pool.push(value)
      if (pool.length > POOL_SIZE) pool.shift()
    },
    of: (name: string): readonly string[] => pools[name] ?? [],
  }
}

const cookieOf = (browser: Browser): string => browser.cookies.get(SESSION_COOKIE) ?? ''

const must = async (what: string, status: number, reply: Promise<{ status: number; text: string; body: any }>) => {
  const { status: got, text, body } = await reply
  if (got !== status) throw new Error(`the world could not be made: ${what} answered ${got} ${text}`)
  return body
}

/** Values that may be found nowhere: what callers hand over, and what they are given. */
const plantPools = (dice: Dice) => {
  const planted = createPlantedIndex()
  const credentials = Object.fromEntries(
    CREDENTIAL_KINDS.map((kind) => [
      kind,
      Array.from({ length: PLANTED_PER_KIND }, () => {
        const value = PREFIXES[kind] + letters(dice, 24 + dice.number(20))
        planted.plant(value, PREFIXES[kind].length)
        return value
      }),
    ]),
  ) as Record<CredentialKind, string[]>
  const passwords = Array.from({ length: PLANTED_PER_KIND }, () => {
    const value = letters(dice, 20) + dice.pick(['', ' "quoted" ', ' ümläut ', ' 100% & more ']) + letters(dice, 10)
    planted.plant(value)
    return value
  })
  return { planted, credentials, passwords }
}

const createPeople = async (house: Awaited<ReturnType<typeof createHarness>>) => {
  const admin = await house.joinAsAdmin()
  const support = await house.join(admin, 'sue@example.com', { role: 'support' })
  const lapsed = cookieOf(support)
  house.clock.advanceSeconds(HOURS_9)
  for (const [browser, email] of [
    [admin, 'root@example.com'],
    [support, 'sue@example.com'],
  ] as const)
    await must(`signing in ${email}`, 200, browser.post('/api/login', { email, password: PASSWORD }))
  const ana = await house.join(admin, 'ana@example.com')
  const bob = await house.join(admin, 'bob@example.com')
  const mia = await house.join(admin, 'mia@example.com')
  const out = await house.join(admin, 'out@example.com')
  const suspended = await must('who is mia', 200, mia.get('/api/session'))
  await must('suspending mia', 200, admin.post(`/api/admin/tenants/${suspended.tenant.id}/suspend`))
  const ended = cookieOf(out)
  await must('signing out', 204, out.post('/api/logout'))
  return { admin, support, ana, bob, dead: { lapsed, ended, suspended: cookieOf(mia) } }
}

/** The whole product with two tenants, staff, machines in several states, and everything that a request could name. */
export const createFuzzWorld = async (seed: string, dice: Dice) => {
  const { planted, credentials, passwords } = plantPools(dice)
  const house = await createHarness({ seed, platform: lambdaTestPlatform })
  const { admin, support, ana, bob, dead } = await createPeople(house)
  const pools = createPools()

  const tokenOf = async (browser: Browser): Promise<{ id: string; secret: string }> => {
    const { token, secret } = await must('making a token', 201, browser.post('/api/tokens', { name: letters(dice, 8) }))
    plantToken(secret)
    return { id: token.id, secret }
  }
  const plantToken = (secret: string): void => planted.plant(secret.slice(0, 50), 12)
  const plantCode = (link: string): void => planted.plant(link.split('vst_inv_')[1]?.slice(22, 43) ?? '')
  const plantCookie = (value: string): void => {
    for (const part of value.split('.').slice(-2)) planted.plant(part)
  }

  const onboard = async (browser: Browser, owner: string, name: string): Promise<string> => {
    const made = await must('onboarding', 202, browser.post('/api/agents', { name, credentials: CREDENTIALS }))
    pools.add(`agents of ${owner}`, made.agent.id)
    return made.agent.id
  }
  const stopped = await onboard(ana, 'ana', 'Stopped')
  const deleted = await onboard(ana, 'ana', 'Deleted')
  await onboard(ana, 'ana', 'Ready')
  await onboard(bob, 'bob', 'Ready')
  await house.settle(12)
  await must('stopping', 202, ana.post(`/api/agents/${stopped}/stop`))
  await must('deleting', 202, ana.del(`/api/agents/${deleted}`))
  await house.settle(6)
  await onboard(ana, 'ana', 'Requested')

  const tenantIds: string[] = []
  const staffIds = { admin: '', support: '' }
  for (const browser of [admin, support, ana, bob]) {
    plantCookie(cookieOf(browser))
    const who = await must('who am I', 200, browser.get('/api/session'))
    pools.add('accounts', who.account.id)
    if (who.tenant !== null) tenantIds.push(who.tenant.id)
    if (browser === admin) staffIds.admin = who.account.id
    if (browser === support) staffIds.support = who.account.id
    pools.add('tenants', who.tenant?.id)
    pools.add('sessions', who.session.id)
  }
  const tokens = { admin: await tokenOf(admin), support: await tokenOf(support), ana: await tokenOf(ana) }
  const revoked = await tokenOf(ana)
  await must('revoking', 204, ana.del(`/api/tokens/${revoked.id}`))
  for (const { id } of Object.values(tokens)) pools.add('tokens', id)

  const staff = ['public', 'account'] as const
  const tenantMay = ['public', 'account', 'tenant'] as const
  const callers: Caller[] = [
    { name: 'nobody', may: ['public'], tenant: null },
    { name: 'ana', person: 'ana', may: tenantMay, tenant: 'ana', cookie: cookieOf(ana) },
    { name: 'ana by token', person: 'ana', may: tenantMay, tenant: 'ana', bearer: tokens.ana.secret },
    { name: 'bob', person: 'bob', may: tenantMay, tenant: 'bob', cookie: cookieOf(bob) },
    { name: 'admin', person: 'admin', may: [...staff, 'admin'], tenant: null, cookie: cookieOf(admin) },
    { name: 'admin by token', person: 'admin', may: [...staff, 'admin'], tenant: null, bearer: tokens.admin.secret },
    { name: 'support', person: 'support', may: [...staff, 'support'], tenant: null, cookie: cookieOf(support) },
    {
      name: 'support by token',
      person: 'support',
      may: [...staff, 'support'],
      tenant: null,
      bearer: tokens.support.secret,
    },
    { name: 'ended session', may: ['public'], tenant: null, cookie: dead.ended },
    { name: 'lapsed session', may: ['public'], tenant: null, cookie: dead.lapsed },
    { name: 'suspended tenant', may: ['public'], tenant: null, cookie: dead.suspended },
    { name: 'revoked token', may: ['public'], tenant: null, bearer: revoked.secret },
    // Once the session is over, or the token is bent, only one account is named: whose agents are theirs depends.
    {
      name: 'two accounts at once',
      may: tenantMay,
      tenant: null,
      cookie: cookieOf(bob),
      bearer: tokens.ana.secret,
    },
  ]

  const people = { admin, support, ana, bob }
  const emails = { admin: 'root', support: 'sue', ana: 'ana', bob: 'bob' }
  const passwordOf: Record<string, string> = { admin: PASSWORD, support: PASSWORD, ana: PASSWORD, bob: PASSWORD }
  type Person = keyof typeof people

  const isSignedIn = async (browser: Browser): Promise<boolean> =>
    (await browser.get('/api/session')).body?.account != null

  const signInAgain = async (person: Person): Promise<boolean> => {
    const browser = people[person]
    if (await isSignedIn(browser)) return true
    const before = cookieOf(browser)
    browser.cookies.delete(SESSION_COOKIE)
    await browser.post('/api/login', { email: `${emails[person]}@example.com`, password: passwordOf[person] })
    if (!(await isSignedIn(browser))) return false
    plantCookie(cookieOf(browser))
    for (const caller of callers) if (caller.cookie === before) caller.cookie = cookieOf(browser)
    return true
  }

  /** What callers made of one another: a support engineer may have become an admin. */
  const noteRole = (accountId: unknown, role: unknown): void => {
    for (const caller of callers) {
      if (caller.person !== 'admin' && caller.person !== 'support') continue
      if (staffIds[caller.person] === accountId) caller.may = ['public', 'account', role as 'admin' | 'support']
    }
  }

  /** Lets time pass and machines go on, and puts right what callers did to each other. False when it cannot. */
  const tend = async (): Promise<boolean> => {
    house.clock.advanceSeconds(61)
    house.aws.machines.advance()
    while ((await house.work()) > 0);
    await house.standIns()
    if ((await admin.get('/api/session')).body?.account?.role !== 'admin') {
      // Somebody whom the admin made an admin may have turned against them, and can take that back.
      await signInAgain('support')
      await support.patch(`/api/admin/accounts/${staffIds.admin}`, { role: 'admin', status: 'active' })
      if (!(await signInAgain('admin'))) return false
    }
    for (const tenantId of tenantIds) await admin.post(`/api/admin/tenants/${tenantId}/resume`)
    await admin.patch(`/api/admin/accounts/${staffIds.support}`, { role: 'support', status: 'active' })
    for (const { id, role } of (await admin.get('/api/admin/accounts')).body?.accounts ?? []) noteRole(id, role)
    for (const person of ['support', 'ana', 'bob'] as const) if (!(await signInAgain(person))) return false
    return true
  }

  /** Two proofs of each kind that must not hold, and a source of ones that do. */
  const foreignAws = await createEmbeddedAws({ directory: null, clock: house.clock })
  const prove = async (aws: typeof foreignAws, arn: string, audience = proofAudience(ORIGIN)): Promise<string> => {
    const command = new GetWebIdentityTokenCommand({
      Audience: [audience],
      SigningAlgorithm: 'ES384',
      DurationSeconds: 300,
    })
    return (await aws.createStsClientOf(arn).send(command)).WebIdentityToken ?? ''
  }
  const arns = house.aws.machines.listRunning().map(({ arn }) => arn)
  const [arn = 'arn:aws:ec2:eu-central-1:000000000000:instance/i-0'] = arns
  const expired = await prove(house.aws, arn)
  house.clock.advanceSeconds(400)
  const badProofs = [
    expired,
    await prove(foreignAws, arn),
    await prove(house.aws, arn, 'sts.amazonaws.com'),
    `${expired.split('.')[0]}.${expired.split('.')[1]}.`,
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${expired.split('.')[1]}.`,
  ]
  foreignAws.close()
  const freshProof = (): Promise<string> => prove(house.aws, dice.pick([...arns, arn, `${arn}0`]))

  return {
    house,
    planted: { ...planted, token: plantToken, code: plantCode, cookie: plantCookie },
    credentials,
    passwords,
    pools,
    callers,
    passwordOf,
    badProofs,
    freshProof,
    noteRole,
    tend,
  }
}

export type FuzzWorld = Awaited<ReturnType<typeof createFuzzWorld>>
