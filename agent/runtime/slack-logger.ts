import { type Logger as SlackLogger, LogLevel } from '@slack/web-api'
import type { Logger } from '../../lambdas/core/logger.ts'

/** The library's own log, as a count of its complaints: their words quote messages, tokens and addresses, so none is passed on. */
export const createSlackLogger = (logger: Logger): SlackLogger => ({
  debug: () => undefined,
  info: () => undefined,
  warn: () => logger.warn('the Slack library has a complaint'),
  error: () => logger.warn('the Slack library reports an error'),
  setLevel: () => undefined,
  setName: () => undefined,
  getLevel: () => LogLevel.ERROR,
})
