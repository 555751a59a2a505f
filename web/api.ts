import type * as z from 'zod/mini'
import type { ErrorCode } from '../lambdas/contract/error-codes.ts'
import type { OperationName, Operations } from '../lambdas/contract/operations.ts'

type Schema<N extends OperationName, K extends 'params' | 'query' | 'body' | 'answer'> = Operations[N][K]
type InputOf<S> = S extends z.ZodMiniType ? z.input<S> : undefined

export type AnswerOf<N extends OperationName> =
  Schema<N, 'answer'> extends z.ZodMiniType ? z.output<Schema<N, 'answer'>> : null

export interface ApiError {
  code: ErrorCode | 'offline'
  message: string
  issues: { path: string; rule: string }[]
  retryAfterSeconds: number | null
}

export type ApiResult<T> = { ok: true; value: T } | { ok: false; error: ApiError }

export interface CallOptions<N extends OperationName> {
  params?: InputOf<Schema<N, 'params'>>
  query?: InputOf<Schema<N, 'query'>>
  body?: InputOf<Schema<N, 'body'>>
  idempotencyKey?: string
}

const OFFLINE: ApiError = {
  code: 'offline',
  message: 'You seem to be offline, or the service is not running. Nothing was lost; try again in a moment.',
  issues: [],
  retryAfterSeconds: null,
}

const fillPath = (path: string, params: Readonly<Record<string, string>>): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))

const readError = async (response: Response): Promise<ApiError> => {
  const retryAfter = response.headers.get('retry-after')
  const retryAfterSeconds = retryAfter === null ? null : Number(retryAfter)
  try {
    const body: { error: Omit<ApiError, 'retryAfterSeconds'> } = await response.json()
    return { ...body.error, issues: body.error.issues ?? [], retryAfterSeconds }
  } catch {
    return { ...OFFLINE, message: 'The service can’t answer right now. Nothing was lost; try again in a moment.' }
  }
}

/** What calls the API: at its own origin from the site, at another with a token from the command line. */
export const createCall =
  (site: { origin: string; headers?: Record<string, string>; fetch?: typeof fetch }) =>
  /** Calls one operation of the API by its name in the contract; types of input and answer come from there. */
  async <N extends OperationName>(name: N, options: CallOptions<N> = {}): Promise<ApiResult<AnswerOf<N>>> => {
    const [method = 'GET', path = ''] = name.split(' ')
    const query = new URLSearchParams(Object.entries(options.query ?? {}))
    const headers = new Headers(site.headers)
    if (options.body !== undefined) headers.set('content-type', 'application/json')
    if (options.idempotencyKey !== undefined) headers.set('idempotency-key', options.idempotencyKey)
    const url = `${site.origin}${fillPath(path, options.params ?? {})}${query.size > 0 ? `?${query}` : ''}`
    const body = options.body === undefined ? undefined : JSON.stringify(options.body)
    try {
      const response = await (site.fetch ?? fetch)(url, { method, headers, body })
      if (!response.ok) return { ok: false, error: await readError(response) }
      const value: AnswerOf<N> = response.status === 204 ? null : await response.json()
      return { ok: true, value }
    } catch {
      return { ok: false, error: OFFLINE }
    }
  }

export type Call = ReturnType<typeof createCall>

export const call = createCall({ origin: '' })
