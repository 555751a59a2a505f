import type { Hono } from 'hono'
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda'
import { VIEWER_ADDRESS_HEADER } from '../contract/site.ts'
import { systemRandom } from '../core/random.ts'
import { toErrorResponse } from '../http/error-response.ts'
import { type AppContext, type AppEnv, type Platform, PRODUCTION_COOKIES } from '../http/request.ts'
import { isGatewayEvent } from './gateway-event.ts'

export type HttpResult = Awaited<ReturnType<ReturnType<typeof handle>>>

export const lambdaPlatform: Platform = {
  cookies: PRODUCTION_COOKIES,
  clientAddress: (c: AppContext) => c.req.header(VIEWER_ADDRESS_HEADER) ?? 'unknown',
}

const methodOf = (event: LambdaEvent): string =>
  'rawPath' in event ? event.requestContext.http.method : 'httpMethod' in event ? event.httpMethod : ''

const refuseEvent = async (): Promise<HttpResult> => {
  const refused = toErrorResponse({ code: 'malformed', reason: 'event' }, systemRandom.bytes(12).toString('hex'))
  return {
    statusCode: refused.status,
    headers: Object.fromEntries(refused.headers),
    body: await refused.text(),
    isBase64Encoded: false,
  }
}

/** Answers API Gateway events (payload 2.0, and 1.0) with an app. An event that does not add up is refused, never guessed at. */
export const createHttpHandler = (app: Hono<AppEnv>) => {
  const answer = handle(app)
  return async (event: LambdaEvent, context?: LambdaContext): Promise<HttpResult> => {
    if (!isGatewayEvent(event)) return refuseEvent()
    event.headers ??= {}
    // A body means nothing here (RFC 9110 section 9.3.1), and no `Request` can be made with one.
    if (/^(?:get|head)$/i.test(methodOf(event)) && 'body' in event) event.body = null
    return answer(event, context)
  }
}
