import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { AwsFault } from './service.ts'
import { headerOf, type WireProtocol, type WireRequest } from './wire-protocol.ts'
import { xmlAnswer, xmlElement, xmlText } from './wire-xml.ts'

const ON_BUCKET: Record<string, string> = { PUT: 'CreateBucket', HEAD: 'HeadBucket', DELETE: 'DeleteBucket' }
const ON_OBJECT: Record<string, string> = {
  PUT: 'PutObject',
  GET: 'GetObject',
  HEAD: 'HeadObject',
  DELETE: 'DeleteObject',
}

const INPUT_HEADERS = {
  'content-type': 'ContentType',
  'if-none-match': 'IfNoneMatch',
  'if-match': 'IfMatch',
  'x-amz-server-side-encryption': 'ServerSideEncryption',
  'x-amz-server-side-encryption-aws-kms-key-id': 'SSEKMSKeyId',
}
const OUTPUT_HEADERS = { ETag: 'etag', ContentType: 'content-type', Location: 'location' }

const LINE_END = '\r\n'

const incomplete = (): AwsFault =>
  new AwsFault('IncompleteBody', 'You did not provide the number of bytes specified by the Content-Length HTTP header.')

/** Chunks of `<hex size>[;signature]`, their bytes, and after the empty one the trailers, which say nothing we keep. */
const decodeChunks = (body: Buffer): Buffer => {
  const chunks: Buffer[] = []
  let position = 0
  for (;;) {
    const end = body.indexOf(LINE_END, position)
    const size = /^[0-9a-f]{1,8}(?=;|$)/i.exec(body.toString('latin1', position, Math.max(end, position)))
    if (size === null) throw incomplete()
    const start = end + LINE_END.length
    const stop = start + Number.parseInt(size[0], 16)
    if (stop === start) return Buffer.concat(chunks)
    if (body.toString('latin1', stop, stop + LINE_END.length) !== LINE_END) throw incomplete()
    chunks.push(body.subarray(start, stop))
    position = stop + LINE_END.length
  }
}

const readBody = (request: WireRequest): Buffer => {
  const isChunked =
    headerOf(request, 'content-encoding')?.includes('aws-chunked') === true ||
    headerOf(request, 'x-amz-content-sha256')?.startsWith('STREAMING-') === true
  const body = isChunked ? decodeChunks(request.body) : request.body
  const length = headerOf(request, 'x-amz-decoded-content-length')
  if (length !== undefined && Number(length) !== body.length) throw incomplete()
  return body
}

const decodeKey = (key: string): string => {
  try {
    return decodeURIComponent(key)
  } catch {
    throw new AwsFault('InvalidURI', "Couldn't parse the specified URI.")
  }
}

/** The SDK names most operations in `x-id`; any other parameter makes it one that is not served here. */
const operationOf = (request: WireRequest, isObject: boolean): string => {
  const named = request.query.get('x-id')
  const isPlain = [...request.query.keys()].every((name) => name === 'x-id')
  const operation = isPlain ? (isObject ? ON_OBJECT : ON_BUCKET)[request.method] : undefined
  if (operation !== undefined && (named === null || named === operation)) return operation
  return named ?? `${request.method} ?${request.query.toString()}`
}

const translate = (names: Record<string, string>, valueOf: (name: string) => unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(names).flatMap(([from, to]) => {
      const value = valueOf(from)
      return typeof value === 'string' ? [[to, value]] : []
    }),
  )

/**
 * S3 (Smithy 2.0, "AWS REST XML protocol") with the bucket in the path: a bucket's own host name would not resolve on
 * loopback, and the SDK does not use one where the endpoint is an IP address.
 */
export const s3Protocol: WireProtocol = {
  read: (request) => {
    const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/.exec(request.path) ?? []
    const isObject = key !== ''
    const operation = operationOf(request, isObject)
    return {
      operation,
      input: {
        Bucket: decodeKey(bucket),
        ...(isObject ? { Key: decodeKey(key) } : {}),
        ...(operation === 'PutObject' ? { Body: readBody(request) } : {}),
        ...(isObject ? translate(INPUT_HEADERS, (name) => headerOf(request, name)) : {}),
      },
    }
  },
  answer: async (_asked, output) => ({
    status: 200,
    headers: translate(OUTPUT_HEADERS, (name) => output[name]),
    body: output.Body instanceof Readable ? await buffer(output.Body) : '',
  }),
  refuse: (fault) =>
    xmlAnswer(fault.statusCode, xmlElement('Error', xmlText('Code', fault.name) + xmlText('Message', fault.message))),
}
