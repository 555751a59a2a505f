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
  conversationId?: string
  chain?: string
  sequence?: number
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
  'conversationId',
  'chain',
  'sequence',
  'attempt',
  'count',
  'url',
]

const pick = (fields: LogFields = {}): LogFields =>
  Object.fromEntries(ALLOWED.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]))

/** Takes one line, with its newline. */
export interface LogDestination {
  write(line: string): void
}

const STANDARD_ERROR: LogDestination = { write: (line) => void process.stderr.write(line) }

/**
 * One JSON line per event, only allow-listed fields, UTC times. Messages are constants in the code, never built from input.
 * There is no logging library here because it would be an eighth of what a function loads at a cold start.
 */
export const createLogger = (destination: LogDestination = STANDARD_ERROR): Logger => {
  const log =
    (level: 'info' | 'warn' | 'error') =>
    (message: string, fields?: LogFields): void =>
      destination.write(`${JSON.stringify({ level, time: new Date().toISOString(), ...pick(fields), msg: message })}\n`)
  return { info: log('info'), warn: log('warn'), error: log('error') }
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
