import type { AwsFault } from './service.ts'

/** One HTTP request as a protocol sees it. `path` is as it was sent: nothing decoded, nothing normalised. */
export interface WireRequest {
  method: string
  path: string
  query: URLSearchParams
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: Buffer
  /** Where the request came in, such as `http://127.0.0.1:4000`. */
  origin: string
}

export interface WireAnswer {
  status: number
  headers: Record<string, string>
  body: string | Uint8Array
}

export interface WireOperation {
  operation: string
  input: Record<string, unknown>
}

/** How one service's calls look on the wire (the AWS protocols of Smithy 2.0). */
export interface WireProtocol {
  /** What is asked, in the SDK's own shape of the input. */
  read: (request: WireRequest) => WireOperation
  answer: (asked: WireOperation, output: Record<string, unknown>, request: WireRequest) => Promise<WireAnswer>
  refuse: (fault: AwsFault) => WireAnswer
}

export const headerOf = (request: WireRequest, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}
