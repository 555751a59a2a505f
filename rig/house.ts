import type { HttpBindings } from '@hono/node-server'
import { systemClock, systemPause } from '../lambdas/core/clock.ts'
import { createLogger } from '../lambdas/core/logger.ts'
import { systemRandom } from '../lambdas/core/random.ts'
import { LOCAL_COOKIES, type Platform } from '../lambdas/http/request.ts'
import { bootstrapInvite } from '../lambdas/invites/bootstrap-invite.ts'
import { createEmbeddedAws } from '../local/aws/embedded-aws.ts'
import { ensureInstallation, localNames } from '../local/installation.ts'
import { startLoop } from '../local/loop.ts'
import { createProduct } from '../local/product.ts'
import { type Browser, createBrowser } from '../test/support/browser.ts'
import { CHEAP_SCRYPT, PASSWORD } from '../test/support/harness.ts'
import { SITE_ORIGIN } from './place.ts'
import { publishRelease } from './release.ts'

const isIncoming = (value: unknown): value is HttpBindings['incoming'] =>
  typeof value === 'object' && value !== null && 'socket' in value

/** Machines come in over the front, people are called from in here. */
const platform: Platform = {
  cookies: LOCAL_COOKIES,
  clientAddress: (c) => {
    const { incoming } = c.env
    return isIncoming(incoming) ? (incoming.socket.remoteAddress ?? 'unknown') : '203.0.113.10'
  },
}

const codeOf = (link: string): string => link.split('#')[1] ?? ''

/**
 * The product on an embedded AWS, as `npm start` runs it but for the machines, and the people who use it. Machines install a
 * release that is built in `releaseFolder`.
 */
export const openHouse = async (releaseFolder: string) => {
  const logs: string[] = []
  const logger = createLogger({ write: (line) => void logs.push(line) })
  const aws = await createEmbeddedAws({ directory: null, clock: systemClock })
  const names = localNames(SITE_ORIGIN, '0.0.0-rig')
  const clients = aws.createClients()
  await ensureInstallation(clients, names)
  const launch = await publishRelease(clients, names, logger, releaseFolder)
  const product = await createProduct({
    ...{ aws, platform, logger, launch },
    siteOrigin: SITE_ORIGIN,
    version: names.version,
    clock: systemClock,
    pause: systemPause,
    random: systemRandom,
    scryptCost: CHEAP_SCRYPT,
  })
  const loops = [
    startLoop('machines', 100, async () => aws.machines.advance(), logger),
    startLoop('launches', 100, product.workLaunches, logger),
    startLoop('worker', 100, product.workOthers, logger),
    startLoop('worker', 100, product.workOthers, logger),
    startLoop('reconciler', 2_000, product.reconcile, logger),
  ]

  const signUp = async (link: string, email: string): Promise<Browser> => {
    const browser = createBrowser(product.app, { origin: SITE_ORIGIN })
    const joined = await browser.post('/api/signup', { invite: codeOf(link), email, password: PASSWORD })
    if (joined.status !== 201) throw new Error(`${email} could not join: ${joined.text}`)
    return browser
  }
  const first = await bootstrapInvite(product.deps, { email: 'root@example.com', requestId: 'rig' })
  if (!first.ok) throw new Error('the first admin was made before')
  const admin = await signUp(first.value.link, 'root@example.com')

  return {
    aws,
    product,
    release: launch.release,
    logs,
    admin,
    /** Somebody new: a tenant of their own, or staff when a role is given. */
    join: async (email: string, more: Record<string, unknown> = {}): Promise<Browser> => {
      const issued = await admin.post('/api/admin/invites', { email, ...more })
      if (issued.status !== 201) throw new Error(`${email} was not invited: ${issued.text}`)
      return signUp(issued.body.link, email)
    },
    close: async (): Promise<void> => {
      await Promise.all(loops.map((stop) => stop()))
      aws.close()
    },
  }
}

export type House = Awaited<ReturnType<typeof openHouse>>
