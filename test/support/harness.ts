import { createEmbeddedAws, type EmbeddedAws } from '../../local/aws/embedded-aws.ts'
import type { CallHook } from '../../local/aws/service.ts'
import { createProduct, type Product } from '../../local/product.ts'
import type { Random } from '../../lambdas/core/random.ts'
import { createLogger } from '../../lambdas/core/logger.ts'
import { bootstrapInvite } from '../../lambdas/invites/bootstrap-invite.ts'
import { LOCAL_COOKIES, type Platform } from '../../lambdas/http/request.ts'
import { type Browser, type BrowserOptions, createBrowser, ORIGIN } from './browser.ts'
import { lambdaTestPlatform, throughGateway } from './lambda.ts'
import { createTestClock, type TestClock } from './clock.ts'
import { createSeededRandom } from './random.ts'

/** Cheap on purpose: what is tested is what surrounds the hash. `password-hash.test.ts` tests the real cost. */
export const CHEAP_SCRYPT = { log2Cost: 4, blockSize: 8, parallelism: 1 }

export const PASSWORD = 'violet tractor on the moon'

export const testPlatform: Platform = {
  cookies: LOCAL_COOKIES,
  clientAddress: (c) => c.req.header('x-test-address') ?? '203.0.113.10',
}

export interface HarnessOptions {
  hook?: CallHook
  seed?: string
  random?: Random
  aws?: EmbeddedAws
  clock?: TestClock
  platform?: Platform
  /** The same app over HTTP requests, or behind API Gateway events. */
  adapter?: 'local' | 'lambda'
}

export const ADAPTERS = ['local', 'lambda'] as const

export const codeOf = (link: string): string => link.split('#')[1] ?? ''

/** The product on an embedded AWS in memory, with a clock that stands still and logs that are kept. */
export const createHarness = async (options: HarnessOptions = {}) => {
  const clock = options.clock ?? createTestClock()
  const aws = options.aws ?? (await createEmbeddedAws({ directory: null, clock }))
  const logs: string[] = []
  const logger = createLogger({
    write: (line: string) => {
      logs.push(line)
    },
  })
  const product: Product = await createProduct({
    aws,
    siteOrigin: ORIGIN,
    version: '0.0.0-test',
    platform: options.platform ?? (options.adapter === 'lambda' ? lambdaTestPlatform : testPlatform),
    clock,
    pause: async (milliseconds) => clock.advanceSeconds(milliseconds / 1000),
    random: options.random ?? createSeededRandom(options.seed),
    logger,
    hook: options.hook,
    scryptCost: CHEAP_SCRYPT,
  })
  const front = options.adapter === 'lambda' ? throughGateway(product.app) : product.app
  const browse = (browserOptions?: BrowserOptions): Browser => createBrowser(front, browserOptions)
  const standIns = product.createStandIns(async (url, body) => {
    const reply = await browse({ address: '198.51.100.7' }).post(new URL(url).pathname, body, { origin: null })
    return reply.status
  })

  /** One look into each queue: what the workers of the provisioner do over and over. Returns how many messages there were. */
  const work = async (): Promise<number> => (await product.workOthers()) + (await product.workLaunches())

  /** Lets machines, queues, reconciler and stand-ins run, time passing, until nothing is due or the rounds are over. */
  const settle = async (rounds = 30): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      clock.advanceSeconds(1)
      aws.machines.advance()
      while ((await work()) > 0);
      await standIns()
    }
  }

  const joinAsAdmin = async (): Promise<Browser> => {
    const made = await bootstrapInvite(product.deps, { email: 'root@example.com', requestId: 'test' })
    if (!made.ok) throw new Error('the first admin was made before')
    const browser = browse()
    const joined = await browser.post('/api/signup', {
      invite: codeOf(made.value.link),
      email: 'root@example.com',
      password: PASSWORD,
    })
    if (joined.status !== 201) throw new Error(`admin could not join: ${joined.text}`)
    return browser
  }

  const invite = async (
    admin: Browser,
    body: Record<string, unknown>,
  ): Promise<{ id: string; code: string; tenantId: string }> => {
    const issued = await admin.post('/api/admin/invites', body)
    if (issued.status !== 201) throw new Error(`invite was refused: ${issued.text}`)
    return { id: issued.body.invite.id, code: codeOf(issued.body.link), tenantId: issued.body.invite.tenantId }
  }

  const join = async (
    admin: Browser,
    email: string,
    more: Record<string, unknown> = {},
    browserOptions?: BrowserOptions,
  ): Promise<Browser> => {
    const { code } = await invite(admin, { email, ...more })
    const browser = browse(browserOptions)
    const joined = await browser.post('/api/signup', { invite: code, email, password: PASSWORD })
    if (joined.status !== 201) throw new Error(`${email} could not join: ${joined.text}`)
    return browser
  }

  return { ...product, work, aws, clock, logs, browse, settle, joinAsAdmin, invite, join, codeOf, standIns }
}

export type Harness = Awaited<ReturnType<typeof createHarness>>

export const CREDENTIALS = {
  claudeCodeToken: 'sk-ant-oat01-0123456789abcdef0123456789abcdef',
  githubToken: 'ghp_0123456789abcdefghijABCDEFGHIJ012345',
  slackBotToken: 'xoxb-111111111111-222222222222-abcdefABCDEF',
  slackAppToken: 'xapp-1-A0000000000-333333333333-abcdef0123456789',
}
