import type { Hono } from 'hono'
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda'
import { VIEWER_ADDRESS_HEADER } from '../contract/site.ts'
import { toErrorResponse } from '../http/error-response.ts'
import { type AppContext, type AppEnv, type Platform, PRODUCTION_COOKIES } from '../http/request.ts'

export type HttpResult = Awaited<ReturnType<ReturnType<typeof handle>>>

export const lambdaPlatform: Platform = {
  cookies: PRODUCTION_COOKIES,
  clientAddress: (c: AppContext) => c.req.header(VIEWER_ADDRESS_HEADER) ?? 'unknown',
}

/** The path that the gateway matched and the path that the app would route must be one, or somebody is playing tricks. */
const pathsAgree = (event: LambdaEvent): boolean => {
  if ('rawPath' in event) return event.rawPath === event.requestContext.http.path
  return 'path' in event && event.path === ('path' in event.requestContext ? event.requestContext.path : event.path)
}

const isHttpEvent = (event: LambdaEvent): boolean =>
  typeof event === 'object' &&
  event !== null &&
  typeof event.requestContext === 'object' &&
  event.requestContext !== null

/** Answers API Gateway events (payload 2.0, and 1.0) with an app. An event that does not add up is refused, never guessed at. */
export const createHttpHandler = (app: Hono<AppEnv>) => {
  const answer = handle(app)
  return async (event: LambdaEvent, context?: LambdaContext): Promise<HttpResult> => {
    if (isHttpEvent(event) && pathsAgree(event)) {
      event.headers ??= {}
      return answer(event, context)
    }
    const refused = toErrorResponse({ code: 'malformed', reason: 'event' }, 'none')
    return {
      statusCode: refused.status,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      body: await refused.text(),
      isBase64Encoded: false,
    }
  }
}
