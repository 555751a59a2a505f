import type { Hono } from 'hono'
import type { LambdaEvent } from 'hono/aws-lambda'
import { VIEWER_ADDRESS_HEADER } from '../../lambdas/contract/site.ts'
import { createHttpHandler, lambdaPlatform } from '../../lambdas/entry/http-handler.ts'
import { LOCAL_COOKIES, type AppEnv, type Platform } from '../../lambdas/http/request.ts'
import type { Fetcher } from './browser.ts'

/** As in production, but with the local cookie name, so that one suite can run on both. */
export const lambdaTestPlatform: Platform = { ...lambdaPlatform, cookies: LOCAL_COOKIES }

type GatewayEvent = Extract<LambdaEvent, { rawPath: string }>

/** An API Gateway event of payload 2.0, with the fields that an app may look at. */
export const toGatewayEvent = async (request: Request, address = '203.0.113.10'): Promise<GatewayEvent> => {
  const url = new URL(request.url)
  const { cookie, 'x-test-address': viewer = address, ...headers } = Object.fromEntries(request.headers)
  const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer()).toString()
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    cookies: cookie === undefined ? undefined : cookie.split('; '),
    headers: { host: url.host, ...headers, [VIEWER_ADDRESS_HEADER]: viewer },
    requestContext: {
      http: { method: request.method, path: url.pathname, protocol: 'HTTP/1.1', sourceIp: '10.0.0.1', userAgent: '' },
      requestId: 'gateway',
    },
    body,
    isBase64Encoded: false,
  } as unknown as GatewayEvent
}

/** The app behind API Gateway events instead of HTTP. */
export const throughGateway = (app: Hono<AppEnv>): Fetcher => {
  const handler = createHttpHandler(app)
  return {
    fetch: async (request) => {
      const result = await handler(await toGatewayEvent(request))
      const headers = new Headers(result.headers as Record<string, string>)
      for (const cookie of result.cookies ?? []) headers.append('set-cookie', cookie)
      const body = result.isBase64Encoded ? Buffer.from(result.body, 'base64') : result.body
      return new Response(result.statusCode === 204 ? null : body, { status: result.statusCode, headers })
    },
  }
}
