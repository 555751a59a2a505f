import { AwsFault, toRecord } from './service.ts'
import { headerOf, type WireAnswer, type WireProtocol, type WireRequest } from './wire-protocol.ts'

const parseBody = ({ body }: WireRequest): Record<string, unknown> => {
  if (body.length === 0) return {}
  try {
    return toRecord(JSON.parse(body.toString()))
  } catch {
    throw new AwsFault('SerializationException', 'The request is not JSON')
  }
}

const jsonAnswer = (status: number, contentType: string, value: unknown): WireAnswer => ({
  status,
  headers: { 'content-type': contentType },
  body: JSON.stringify(value),
})

const CONTENT_TYPE = 'application/x-amz-json-1.0'

/** AWS JSON 1.0 and 1.1: the operation is in a header, all else in the body (Smithy 2.0, "AWS JSON 1.0 protocol"). */
export const jsonProtocol: WireProtocol = {
  read: (request) => ({
    operation: headerOf(request, 'x-amz-target')?.split('.').at(-1) ?? '',
    input: parseBody(request),
  }),
  answer: async (_asked, output) => jsonAnswer(200, CONTENT_TYPE, output),
  refuse: (fault) =>
    jsonAnswer(fault.statusCode, CONTENT_TYPE, {
      __type: fault.name,
      message: fault.message,
      Message: fault.message,
      ...fault.fields,
    }),
}

const ROUTES: Record<string, string> = { 'POST /v2/email/outbound-emails': 'SendEmail' }

/** SES v2 (Smithy 2.0, "AWS REST JSON 1 protocol"), for the operations whose whole input is their body. */
export const sesProtocol: WireProtocol = {
  read: (request) => {
    const route = `${request.method} ${request.path}`
    return { operation: ROUTES[route] ?? route, input: parseBody(request) }
  },
  answer: async (_asked, output) => jsonAnswer(200, 'application/json', output),
  refuse: (fault) => {
    const answer = jsonAnswer(fault.statusCode, 'application/json', { ...fault.fields, message: fault.message })
    return { ...answer, headers: { ...answer.headers, 'x-amzn-errortype': fault.name } }
  },
}
