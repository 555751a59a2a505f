import { randomUUID } from 'node:crypto'
import { startRuntime } from '../../../agent/runtime/runtime.ts'
import { serveUntilStopped } from '../../../agent/runtime/serve.ts'
import { systemClock } from '../../../lambdas/core/clock.ts'
import { createLogger } from '../../../lambdas/core/logger.ts'
import { systemRandom } from '../../../lambdas/core/random.ts'

/** The same process as `agent/runtime/main.ts`, with a Slack on loopback and less patience. */
const { CREDENTIALS_FILE = '', STATUS_FILE = '', STATE_DIR = '', PATH = '', SLACK_API_URL = '' } = process.env
const { TURN_LIMIT_MILLISECONDS } = process.env
const logger = createLogger()
const runtime = startRuntime(
  { credentialsFile: CREDENTIALS_FILE, statusFile: STATUS_FILE, stateFolder: STATE_DIR, path: PATH },
  {
    slackApiUrl: SLACK_API_URL,
    slackRetry: { baseMilliseconds: 5, capMilliseconds: 20 },
    lookEveryMilliseconds: 25,
    turnLimitMilliseconds: Number(TURN_LIMIT_MILLISECONDS),
    turnsAtOnce: 2,
  },
  { clock: systemClock, random: systemRandom, logger, newId: randomUUID },
)
serveUntilStopped(runtime, logger)
