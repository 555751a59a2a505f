import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AwsCall, AwsFault, callService, type Service, toRecord } from './service.ts'
import { ec2Protocol } from './wire-ec2.ts'
import { jsonProtocol, sesProtocol } from './wire-json.ts'
import type { WireAnswer, WireProtocol, WireRequest } from './wire-protocol.ts'
import { s3Protocol } from './wire-s3.ts'
import { sqsProtocol } from './wire-sqs.ts'
import { stsProtocol } from './wire-sts.ts'

/** One call as it arrived: whose access key signed it, and what it asks. */
export interface WireCall extends AwsCall {
  accessKeyId: string
}

export interface WireOptions {
  /** The operations of a service, for the caller; null when there is no such service. */
  serviceFor: (service: string, accessKeyId: string) => Service | null
  /** Runs around every call, as the in-process hook does; may throw AwsFault to refuse. */
  hook?: (call: WireCall, proceed: () => Promise<unknown>) => Promise<unknown>
}

const MAX_BODY_BYTES = 1024 * 1024
/** Longer than the SDK leaves a connection idle: one that we closed first could take a call with it. */
const KEEP_ALIVE_MILLISECONDS = 60_000
const CREDENTIAL = /^AWS4-HMAC-SHA256 Credential=([\w.-]+)\/\d{8}\/[a-z0-9-]+\/([a-z0-9-]+)\/aws4_request[,\s]/
/** Also keeps out what every object inherits, such as `constructor`. */
const OPERATION = /^[A-Z][A-Za-z0-9]*$/

const PROTOCOLS = new Map<string, WireProtocol>([
  ['dynamodb', jsonProtocol],
  ['secretsmanager', jsonProtocol],
  ['kms', jsonProtocol],
  ['events', jsonProtocol],
  ['sqs', sqsProtocol],
  ['s3', s3Protocol],
  ['ec2', ec2Protocol],
  ['ses', sesProtocol],
  ['sts', stsProtocol],
])

/** Null when it is too long. It is read to its end all the same: a client hears no answer while it is still sending. */
const readBody = async (message: IncomingMessage): Promise<Buffer | null> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of message) {
    const bytes = Buffer.from(chunk)
    length += bytes.length
    if (length <= MAX_BODY_BYTES) chunks.push(bytes)
    else chunks.length = 0
  }
  return length <= MAX_BODY_BYTES ? Buffer.concat(chunks) : null
}

const toFault = (error: unknown): AwsFault => {
  if (error instanceof AwsFault) return error
  const message = error instanceof Error ? error.message : 'unknown'
  return new AwsFault('InternalFailure', message, { statusCode: 500 })
}

const call = async (
  options: WireOptions,
  caller: { service: string; accessKeyId: string },
  protocol: WireProtocol,
  request: WireRequest,
): Promise<WireAnswer> => {
  const { service, accessKeyId } = caller
  const operations = options.serviceFor(service, accessKeyId)
  const asked = protocol.read(request)
  if (operations === null || !OPERATION.test(asked.operation)) {
    throw new AwsFault('UnknownOperationException', `${service}.${asked.operation} is not part of the embedded AWS`)
  }
  const { hook } = options
  const send = callService(service, operations, () =>
    hook === undefined ? (_call, proceed) => proceed() : (call, proceed) => hook({ ...call, accessKeyId }, proceed),
  )
  return protocol.answer(asked, toRecord(await send(asked.operation, asked.input)), request)
}

const respond = async (options: WireOptions, message: IncomingMessage, hosts: Set<string>): Promise<WireAnswer> => {
  const body = await readBody(message)
  const { host = '', authorization = '' } = message.headers
  const [, accessKeyId, service] = CREDENTIAL.exec(authorization) ?? []
  const protocol = PROTOCOLS.get(service ?? '') ?? jsonProtocol
  try {
    // A page that made its own name point here (DNS rebinding) may ask for nothing.
    if (!hosts.has(host)) throw new AwsFault('AccessDeniedException', 'Wrong host', { statusCode: 403 })
    if (accessKeyId === undefined || service === undefined) {
      throw new AwsFault('MissingAuthenticationTokenException', 'Request is missing Authentication Token', {
        statusCode: 403,
      })
    }
    if (!PROTOCOLS.has(service)) {
      throw new AwsFault('UnknownOperationException', `${service} is not part of the embedded AWS`)
    }
    if (body === null) {
      throw new AwsFault('RequestEntityTooLarge', `A request is limited to ${MAX_BODY_BYTES} bytes`, {
        statusCode: 413,
      })
    }
    const [path = '/', query = ''] = (message.url ?? '/').split('?', 2)
    const request: WireRequest = {
      method: message.method ?? 'GET',
      path,
      query: new URLSearchParams(query),
      headers: message.headers,
      body,
      origin: `http://${host}`,
    }
    return await call(options, { service, accessKeyId }, protocol, request)
  } catch (error) {
    return protocol.refuse(toFault(error))
  }
}

const send = (response: ServerResponse, { status, headers, body }: WireAnswer): void => {
  response.writeHead(status, {
    ...headers,
    'content-length': Buffer.byteLength(body),
    'x-amzn-requestid': randomUUID(),
  })
  response.end(body)
}

/**
 * The embedded AWS over HTTP on loopback, for SDK clients in other threads and processes that find it by `AWS_ENDPOINT_URL`.
 * Who calls is read from the SigV4 `Authorization` header, whose signature is not verified: whoever reaches the port can be
 * whom it likes. `close` does not wait for calls under way.
 */
export const serveEmbeddedAws = async (options: WireOptions): Promise<{ url: string; close: () => Promise<void> }> => {
  const hosts = new Set<string>()
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MILLISECONDS }, (message, response) => {
    respond(options, message, hosts).then(
      (answer) => send(response, answer),
      // Only reading the request fails here: its client is gone.
      () => response.destroy(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the embedded AWS has no port')
  for (const name of ['127.0.0.1', 'localhost']) hosts.add(`${name}:${address.port}`)
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
