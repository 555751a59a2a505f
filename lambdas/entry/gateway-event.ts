import type { LambdaEvent } from 'hono/aws-lambda'

/** Pure: no I/O, no clock. */

/** Methods that no `Request` may have (Fetch, "forbidden method") are not ours either. */
const METHOD = /^(?!(?:connect|trace|track)$)[a-z]+$/i
const FIELD_NAME = /^[!#$%&'*+.^_`|~\w-]+$/
const BASE64 = /^(?:[\w+/-]{4})*(?:[\w+/-]{2,3}={0,2})?$/

const isNothing = (value: unknown): boolean => value === undefined || value === null

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const isFieldValue = (value: unknown): boolean =>
  typeof value === 'string' && !/[\0\r\n]/.test(value) && value.isWellFormed()

/** Cookies go into one field as they are, and a field of a `Request` takes one byte for each character. */
const isCookie = (value: unknown): boolean => isFieldValue(value) && !/[^\0-\xff]/.test(String(value))

const isListOf = (value: unknown, fits: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(fits)

const areFields = (fields: unknown, fits: (value: unknown) => boolean): boolean =>
  isNothing(fields) ||
  (isRecord(fields) && Object.entries(fields).every(([name, value]) => FIELD_NAME.test(name) && fits(value)))

const isText = (value: unknown): boolean => isNothing(value) || typeof value === 'string'

const isBody = ({ body, isBase64Encoded }: Record<string, unknown>): boolean =>
  isNothing(body) || (typeof body === 'string' && (isBase64Encoded === true ? BASE64.test(body) : !isBase64Encoded))

const areParameters = (parameters: unknown, fits: (value: unknown) => boolean): boolean =>
  isNothing(parameters) ||
  (isRecord(parameters) && Object.entries(parameters).every(([name, value]) => name.isWellFormed() && fits(value)))

const isParameter = (value: unknown): boolean => typeof value === 'string' && value.isWellFormed()

/** Method and path, where an event of payload 2.0 or 1.0 has them and all places that tell of them agree. */
const readLine = (event: Record<string, unknown>, context: Record<string, unknown>) => {
  if (!('rawPath' in event)) {
    const isTorn = 'path' in context && context.path !== event.path
    return isTorn ? null : { method: event.httpMethod, path: event.path }
  }
  const { http } = context
  return isRecord(http) && http.path === event.rawPath ? { method: http.method, path: event.rawPath } : null
}

const hasHost = (event: Record<string, unknown>, { domainName }: Record<string, unknown>, path: string): boolean => {
  const headers = isRecord(event.headers) ? event.headers : {}
  return URL.canParse(`https://${String(domainName ?? headers.host ?? headers.Host)}${path}`)
}

/**
 * Whether an event of API Gateway can be read as one request. What the gateway matched and what the app would route must be
 * one, or somebody is playing tricks; and everything must be such that making a `Request` of it cannot fail.
 */
export const isGatewayEvent = (event: unknown): event is LambdaEvent => {
  if (!isRecord(event) || !isRecord(event.requestContext) || Array.isArray(event)) return false
  const line = readLine(event, event.requestContext)
  if (typeof line?.method !== 'string' || typeof line.path !== 'string') return false
  return (
    METHOD.test(line.method) &&
    line.path.startsWith('/') &&
    hasHost(event, event.requestContext, line.path) &&
    areFields(event.headers, isFieldValue) &&
    areFields(event.multiValueHeaders, (values) => isListOf(values, isFieldValue)) &&
    (isNothing(event.cookies) || isListOf(event.cookies, isCookie)) &&
    isText(event.rawQueryString) &&
    areParameters(event.queryStringParameters, isParameter) &&
    areParameters(event.multiValueQueryStringParameters, (values) => isListOf(values, isParameter)) &&
    isBody(event)
  )
}
