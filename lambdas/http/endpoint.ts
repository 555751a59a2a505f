import type { Hono } from 'hono'
import * as z from 'zod/mini'
import { type OperationName, operations, type Operation, type Operations } from '../contract/operations.ts'
import { PLATFORM_CHAIN } from '../contract/names.ts'
import { parseJson } from '../core/json.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'
import { addressBucket } from '../limits/address-bucket.ts'
import { actorOf, chainOf, type Principal, type Tenant } from '../sessions/principal.ts'
import { answer } from './answer.ts'
import { isJsonType, readBody } from './body.ts'
import type { CommonDeps } from './deps.ts'
import { type Failure, toRefusal } from './error-response.ts'
import type { Refusal } from './errors.ts'
import { type Credentials, identifyCaller, readCredentials } from './identify-caller.ts'
import { toIssues } from './issues.ts'
import { refuse } from './refuse.ts'
import type { AppContext, AppEnv, Platform } from './request.ts'
import { isSameOrigin } from './same-origin.ts'

type CallerOf<O> = O extends { access: 'tenant' }
  ? { principal: Principal; tenant: Tenant }
  : O extends { access: 'account' | 'admin' | 'support' }
    ? { principal: Principal }
    : { principal: Principal | null }

type Parsed<S> = S extends z.ZodMiniType ? z.output<S> : undefined

/** What a route gets once everything in front of it has said yes. */
export type Call<N extends OperationName> = CallerOf<Operations[N]> & {
  params: Parsed<Operations[N]['params']>
  query: Parsed<Operations[N]['query']>
  body: Parsed<Operations[N]['body']>
  requestId: string
  clientBucket: string
  userAgent: string
  sessionToken: Secret | null
  header: (name: string) => string | undefined
}

type Answer<N extends OperationName> = Operations[N]['answer'] extends z.ZodMiniType
  ? { body: z.input<Operations[N]['answer']>; cookies?: string[] }
  : { cookies?: string[] }

type Handler<N extends OperationName> = (call: Call<N>) => Promise<Result<Answer<N>, Failure | Refusal>>

const MAX_QUERY_PARAMETERS = 20
const MAKES_SESSION: readonly OperationName[] = ['POST /api/signup', 'POST /api/login']
/** These read the cookie themselves: asking "who is it" first would be a second look-up. */
const READS_OWN_COOKIE: readonly OperationName[] = ['POST /api/logout']

const readQuery = (url: string): Result<Record<string, string>, Refusal> => {
  const start = url.indexOf('?')
  if (start === -1) return ok({})
  const entries = [...new URLSearchParams(url.slice(start))]
  const query = Object.fromEntries(entries)
  return entries.length > MAX_QUERY_PARAMETERS || Object.keys(query).length !== entries.length
    ? fail({ code: 'invalid_input', reason: 'query_repeated', issues: [{ path: 'query', rule: 'repeated' }] })
    : ok(query)
}

const readJson = (bytes: Uint8Array, schema: z.ZodMiniType | null): Result<unknown, Refusal> => {
  if (bytes.length === 0 && (schema === null || schema.safeParse(undefined).success)) return ok(undefined)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return fail({ code: 'malformed', reason: 'not_utf8' })
  }
  const json = parseJson(text)
  return json.ok ? json : fail(toRefusal(json.failure))
}

const parseWith = (schema: z.ZodMiniType, value: unknown): Result<unknown, Refusal> => {
  const parsed = schema.safeParse(value)
  return parsed.success
    ? ok(parsed.data)
    : fail({ code: 'invalid_input', reason: 'schema', issues: toIssues(parsed.error) })
}

const NO_BODY = ok(new Uint8Array())
const EMPTY_BODY = z.optional(z.strictObject({}))

const isRefusal = (failure: Failure | Refusal): failure is Refusal => 'code' in failure

/** Tells the caller's own trail that something was tried which is not theirs to do. */
const auditDenial = async (
  deps: CommonDeps,
  principal: Principal | null,
  name: OperationName,
  requestId: string,
): Promise<void> => {
  if (principal === null) return
  await deps.audit.record(chainOf(principal) ?? PLATFORM_CHAIN, {
    actor: actorOf(principal),
    action: 'access.denied',
    target: name,
    detail: { requestId },
  })
}

const judgeAccess = (operation: Operation, principal: Principal | null): Refusal | null => {
  switch (operation.access) {
    case 'public':
    case 'instance':
      return null
    case 'account':
      return principal === null ? { code: 'unauthenticated', reason: 'nobody' } : null
    case 'tenant':
      if (principal === null) return { code: 'unauthenticated', reason: 'nobody' }
      return principal.tenant === null ? { code: 'forbidden', reason: 'not_a_tenant' } : null
    case 'admin':
      if (principal === null) return { code: 'unauthenticated', reason: 'nobody' }
      return principal.account.role === 'admin' ? null : { code: 'forbidden', reason: 'not_an_admin' }
    case 'support':
      if (principal === null) return { code: 'unauthenticated', reason: 'nobody' }
      return principal.account.role === 'support' ? null : { code: 'forbidden', reason: 'not_support' }
  }
}

/**
 * Registers one operation. In front of its handler, in this order: size by real length, content type, same origin, who is
 * calling, what they may do, the schema. The handler calls one use case and says what to answer.
 */
export const createEndpoints = (app: Hono<AppEnv>, deps: CommonDeps, platform: Platform) => {
  const guard = async (
    c: AppContext,
    name: OperationName,
    operation: Operation,
  ): Promise<Result<{ bytes: Uint8Array; principal: Principal | null; credentials: Credentials }, Refusal>> => {
    const unsafe = c.req.method !== 'GET' && c.req.method !== 'HEAD'
    const body = unsafe ? await readBody(c.req.raw) : NO_BODY
    if (!body.ok) {
      const { reason } = body.failure
      return fail({ code: reason === 'body_too_large' ? 'too_large' : 'malformed', reason })
    }
    if (body.value.length > 0 && !isJsonType(c.req.header('content-type'))) {
      return fail({ code: 'unsupported_media_type', reason: 'content_type' })
    }
    const credentials = readCredentials(
      { authorization: c.req.header('authorization'), cookie: c.req.header('cookie') },
      platform.cookies.session,
    )
    if (!credentials.ok) return credentials
    const { bearer, session } = credentials.value
    const facts = {
      origin: c.req.header('origin'),
      fetchSite: c.req.header('sec-fetch-site'),
      hasSessionCookie: session !== null,
      hasBearer: bearer !== null,
      makesSession: MAKES_SESSION.includes(name),
    }
    if (unsafe && operation.access !== 'instance' && !isSameOrigin(deps.siteOrigin, facts)) {
      return fail({ code: 'cross_site', reason: 'origin' })
    }
    const anonymous = operation.access === 'instance' || (operation.access === 'public' && name !== 'GET /api/session')
    const readsOwnCookie = READS_OWN_COOKIE.includes(name) && bearer === null
    if (anonymous || readsOwnCookie) return ok({ bytes: body.value, principal: null, credentials: credentials.value })
    const caller = await identifyCaller(deps, credentials.value)
    if (!caller.ok && !(name === 'GET /api/session' && caller.failure.code === 'unauthenticated')) return caller
    const principal = caller.ok ? caller.value : null
    c.set('principal', principal)
    const denied = judgeAccess(operation, principal)
    if (denied === null) return ok({ bytes: body.value, principal, credentials: credentials.value })
    if (denied.code === 'forbidden') await auditDenial(deps, principal, name, c.get('facts').requestId)
    return fail(denied)
  }

  return <N extends OperationName>(name: N, handle: Handler<N>): void => {
    const operation: Operation = operations[name]
    const [method = '', path = ''] = name.split(' ')
    app.on(method, path.replaceAll(/\{(\w+)\}/g, ':$1'), async (c) => {
      c.set('operation', name)
      const guarded = await guard(c, name, operation)
      if (!guarded.ok) return refuse(c, guarded.failure)
      const { bytes, principal, credentials } = guarded.value
      const params = operation.params.safeParse(c.req.param())
      if (!params.success) return refuse(c, { code: 'not_found', reason: 'id_malformed' })
      const rawQuery = readQuery(c.req.url)
      const query = rawQuery.ok ? parseWith(operation.query, rawQuery.value) : rawQuery
      if (!query.ok) return refuse(c, query.failure)
      const json = readJson(bytes, operation.body)
      const body = json.ok ? parseWith(operation.body ?? EMPTY_BODY, json.value) : json
      if (!body.ok) return refuse(c, body.failure)

      const { requestId } = c.get('facts')
      const call = {
        params: params.data,
        query: query.value,
        body: body.value,
        principal,
        tenant: principal?.tenant ?? null,
        requestId,
        clientBucket: addressBucket(platform.clientAddress(c)),
        userAgent: c.req.header('user-agent') ?? '',
        sessionToken: credentials.session,
        header: (headerName: string) => c.req.header(headerName),
      }
      // oxlint-disable-next-line typescript/consistent-type-assertions -- the schemas above are those that Call<N> is inferred from; TypeScript cannot follow that through N
      const result = await handle(call as unknown as Call<N>)
      if (!result.ok) {
        if (!isRefusal(result.failure) && result.failure.reason === 'agent_unknown')
          await auditDenial(deps, principal, name, requestId)
        return refuse(c, isRefusal(result.failure) ? result.failure : toRefusal(result.failure))
      }
      const { body: shown, cookies = [] }: { body?: unknown; cookies?: string[] } = result.value
      const text = operation.status === 204 ? null : JSON.stringify(shown)
      return answer(c, text, operation.status, cookies.length === 0 ? {} : { 'set-cookie': cookies })
    })
  }
}

export type Endpoints = ReturnType<typeof createEndpoints>
