import pino, { type DestinationStream } from 'pino'

/**
 * Everything a log line may hold. There is no field for a body, a header, an error object or a query string: what is not
 * named here cannot be logged.
 */
export interface LogFields {
  requestId?: string
  method?: string
  operation?: string
  status?: number
  durationMilliseconds?: number
  errorCode?: string
  reason?: string
  dependency?: string
  errorName?: string
  where?: string
  accountId?: string
  tenantId?: string
  agentId?: string
  instanceId?: string
  inviteId?: string
  attempt?: number
  count?: number
  url?: string
}

export interface Logger {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

const ALLOWED: readonly (keyof LogFields)[] = [
  'requestId',
  'method',
  'operation',
  'status',
  'durationMilliseconds',
  'errorCode',
  'reason',
  'dependency',
  'errorName',
  'where',
  'accountId',
  'tenantId',
  'agentId',
  'instanceId',
  'inviteId',
  'attempt',
  'count',
  'url',
]

const pick = (fields: LogFields = {}): LogFields =>
  Object.fromEntries(ALLOWED.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]))

/** One JSON line per event, only allow-listed fields, UTC times. Messages are constants in the code, never built from input. */
export const createLogger = (destination?: DestinationStream): Logger => {
  const log = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? pino.destination({ fd: 2, sync: true }),
  )
  return {
    info: (message, fields) => log.info(pick(fields), message),
    warn: (message, fields) => log.warn(pick(fields), message),
    error: (message, fields) => log.error(pick(fields), message),
  }
}

/**
 * Where an error was thrown, as `file:line` places without its message: a message may quote what a stranger sent, a stack
 * frame cannot.
 */
export const whereThrown = (error: unknown): string =>
  error instanceof Error && error.stack !== undefined
    ? error.stack
        .split('\n')
        .filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line))
        .slice(0, 4)
        .map((line) => line.trim().replace(/^at .*?([\w.-]+:\d+):\d+\)?$/, '$1'))
        .join(' < ')
    : 'unknown'
