import { ZodError } from 'zod'

/** An error as AWS would answer it: the SDK turns it into its own exception class by `name`. */
export class AwsFault extends Error {
  readonly statusCode: number
  readonly fields: Record<string, unknown>
  readonly $fault: 'client' | 'server'
  readonly $metadata: { httpStatusCode: number }

  constructor(
    name: string,
    message: string,
    { statusCode = 400, fields = {} }: { statusCode?: number; fields?: Record<string, unknown> } = {},
  ) {
    super(message)
    this.name = name
    this.statusCode = statusCode
    this.fields = fields
    this.$fault = statusCode >= 500 ? 'server' : 'client'
    this.$metadata = { httpStatusCode: statusCode }
  }
}

export interface AwsCall {
  service: string
  operation: string
  input: unknown
}

/**
 * Runs around every call to the embedded AWS: counts it, delays it, or breaks it. The seam for round-trip counts, faults and
 * crashes.
 */
export type CallHook = (call: AwsCall, proceed: () => Promise<unknown>) => Promise<unknown>

export type Service = Record<string, (input: Record<string, unknown>) => unknown>

const refuseUnknown = (service: string, operation: string): never => {
  throw new AwsFault('UnknownOperationException', `${service}.${operation} is not part of the embedded AWS`)
}

const run = async (
  service: Service,
  name: string,
  operation: string,
  input: Record<string, unknown>,
): Promise<unknown> => {
  try {
    return await (service[operation] ?? (() => refuseUnknown(name, operation)))(input)
  } catch (error) {
    if (!(error instanceof ZodError)) throw error
    throw new AwsFault(
      'ValidationException',
      `${operation}: ${error.issues.map((issue) => issue.path.join('.')).join(', ')} does not fit`,
    )
  }
}

/** Calls one service by operation name, through the hook. */
export const callService =
  (name: string, service: Service, hook: () => CallHook) => (operation: string, input: Record<string, unknown>) =>
    hook()({ service: name, operation, input }, () => run(service, name, operation, input))

export type CallService = ReturnType<typeof callService>

interface HttpRequest {
  headers: Record<string, string>
  body?: string | Uint8Array
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const toRecord = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {})

/**
 * A request handler for SDK clients that speak AWS JSON: the client serialises, signs and parses as it always does; only the
 * wire is missing.
 */
export const jsonRequestHandler = (call: CallService) => ({
  metadata: { handlerProtocol: 'http/1.1' },
  destroy: () => undefined,
  updateHttpClientConfig: () => undefined,
  httpHandlerConfigs: () => ({}),
  handle: async (request: HttpRequest) => {
    const operation = request.headers['x-amz-target']?.split('.').at(-1) ?? ''
    const text = typeof request.body === 'string' ? request.body : new TextDecoder().decode(request.body)
    let statusCode = 200
    let body: unknown
    try {
      body = await call(operation, toRecord(JSON.parse(text === '' ? '{}' : text)))
    } catch (error) {
      if (!(error instanceof AwsFault)) throw error
      statusCode = error.statusCode
      body = { __type: error.name, message: error.message, Message: error.message, ...error.fields }
    }
    return {
      response: {
        statusCode,
        headers: { 'content-type': 'application/x-amz-json-1.0' },
        body: Buffer.from(JSON.stringify(body ?? {})),
      },
    }
  },
})

interface MiddlewareArgs {
  input: unknown
}
interface MiddlewareContext {
  commandName?: string
}
interface MiddlewareStack {
  add: (
    middleware: (
      next: unknown,
      context: MiddlewareContext,
    ) => (args: MiddlewareArgs) => Promise<{ output: never; response: unknown }>,
    options: { step: 'initialize'; priority: 'low'; name: string },
  ) => void
}

/**
 * For services that speak XML: answers before anything is serialised, as a typed middleware at the client's first step.
 * Never for the DynamoDB document client, which marshals after that step.
 */
export const answerInProcess = (stack: MiddlewareStack, call: CallService): void => {
  stack.add(
    (_next, context) => async (args) => {
      const operation = (context.commandName ?? '').replace(/Command$/, '')
      const output = { $metadata: { httpStatusCode: 200 }, ...toRecord(await call(operation, toRecord(args.input))) }
      // oxlint-disable-next-line typescript/consistent-type-assertions -- typed per command by the SDK, which a middleware for all commands cannot name
      return { output: output as never, response: {} }
    },
    { step: 'initialize', priority: 'low', name: 'embeddedAws' },
  )
}
