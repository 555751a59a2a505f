import { randomUUID } from 'node:crypto'
import * as z from 'zod/mini'
import { loadEnv } from '../../lambdas/contract/env.ts'
import { systemClock } from '../../lambdas/core/clock.ts'
import { createLogger } from '../../lambdas/core/logger.ts'
import { systemRandom } from '../../lambdas/core/random.ts'
import { startRuntime } from './runtime.ts'
import { serveUntilStopped } from './serve.ts'

const absolutePath = z.string().check(z.regex(/^\//))

const env = loadEnv(
  z.object({
    CREDENTIALS_FILE: absolutePath,
    STATUS_FILE: absolutePath,
    STATE_DIR: absolutePath,
    PATH: z.string().check(z.minLength(1)),
  }),
  process.env,
)

const logger = createLogger()

const runtime = startRuntime(
  { credentialsFile: env.CREDENTIALS_FILE, statusFile: env.STATUS_FILE, stateFolder: env.STATE_DIR, path: env.PATH },
  {
    slackApiUrl: 'https://slack.com/api/',
    slackRetry: { baseMilliseconds: 1000, capMilliseconds: 60_000 },
    lookEveryMilliseconds: 3000,
    turnLimitMilliseconds: 30 * 60_000,
    turnsAtOnce: 3,
  },
  { clock: systemClock, random: systemRandom, logger, newId: randomUUID },
)
serveUntilStopped(runtime, logger)
