import { mkdirSync, openSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import packageFile from '../package.json' with { type: 'json' }
import { systemClock, systemPause } from '../lambdas/core/clock.ts'
import { createLogger } from '../lambdas/core/logger.ts'
import { systemRandom } from '../lambdas/core/random.ts'
import { createEmbeddedAws } from './aws/embedded-aws.ts'
import { buildSiteIfMissing } from './build-site.ts'
import { ensureFirstAdmin } from './first-admin.ts'
import { startLoop } from './loop.ts'
import { createProduct } from './product.ts'
import { localPlatform, startServer } from './server.ts'
import { createSite } from './site.ts'

/** `npm start`: the whole product on this machine. Its settings are two environment variables. */

const DEFAULT_PORT = 3000

const readPort = (text: string | undefined): number => {
  const port = text === undefined || text === '' ? DEFAULT_PORT : Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`PORT is "${text}"; give a number from 1 to 65535`)
  return port
}

const post = async (url: string, body: unknown): Promise<number> => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  await response.arrayBuffer()
  return response.status
}

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const explainStartFailure = (error: unknown, directory: string, port: number): string => {
  const text = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE')
    return `Port ${port} is taken. Stop what uses it, or start with another: PORT=${port + 1} npm start`
  if (/locked/.test(text))
    return `${directory} is in use by another Vestibule. Stop that one, or give this one its own: VESTIBULE_DATA_DIR=… npm start`
  return text
}

const start = async (directory: string, port: number): Promise<() => Promise<void>> => {
  const url = `http://localhost:${port}`
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const log = openSync(join(directory, 'vestibule.log'), 'a', 0o600)
  const logger = createLogger({ write: (line) => void writeSync(log, line) })
  const aws = await createEmbeddedAws({ directory, clock: systemClock })
  // The data has one user, so whoever held messages before is dead.
  aws.releaseReceived()
  const site = createSite(await buildSiteIfMissing())
  const product = await createProduct({
    aws,
    siteOrigin: url,
    version: packageFile.version,
    platform: localPlatform,
    clock: systemClock,
    pause: systemPause,
    random: systemRandom,
    logger,
  })
  const server = await startServer({ app: product.app, afterwards: product.sendMail, site, port })
  const admin = await ensureFirstAdmin(product, directory, url)
  const standIns = product.createStandIns(post)
  const loops = [
    startLoop('machines', 100, async () => aws.machines.advance(), logger),
    startLoop('launches', 100, product.workLaunches, logger),
    startLoop('worker', 100, product.workOthers, logger),
    startLoop('worker', 100, product.workOthers, logger),
    startLoop('stand-ins', 400, standIns, logger),
    startLoop('mail', 5_000, product.sendMail, logger),
    startLoop('reconciler', 2_000, product.reconcile, logger),
    startLoop('archivist', 60_000, product.archive, logger),
    startLoop('expiry', 3_600_000, async () => aws.sweepExpired(), logger),
  ]

  say(`Vestibule is ready at ${url}`)
  if (admin !== null) say(`\nJoin as the first admin (${admin.email}):\n  ${admin.link}`)
  say(`\nEverything stays in ${directory}. Stop with Ctrl-C.`)

  return async () => {
    await Promise.all(loops.map((stop) => stop()))
    await server.close()
    aws.close()
  }
}

const directory = resolve(process.env.VESTIBULE_DATA_DIR || '.vestibule')
const port = readPort(process.env.PORT)
try {
  const stop = await start(directory, port)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void stop().then(() => process.exit(0))
    })
  }
} catch (error) {
  process.stderr.write(`Vestibule could not start. ${explainStartFailure(error, directory, port)}\n`)
  process.exit(1)
}
