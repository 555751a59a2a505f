import type { AppContext } from './request.ts'

/** Headers of every API answer: never cached, never framed, never guessed at. */
export const API_HEADERS: Record<string, string> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'strict-transport-security': 'max-age=63072000; includeSubDomains',
}

/** The one place where an answer inside the app is made: once, with all of its headers. */
export const answer = (
  c: AppContext,
  text: string | null,
  status: number,
  headers: Record<string, string | string[]> = {},
): Response => {
  const all = {
    ...API_HEADERS,
    ...(text === null ? {} : { 'content-type': 'application/json' }),
    'x-request-id': c.get('facts').requestId,
    ...headers,
  }
  return new Response(text, { status, headers: toHeaderPairs(all) })
}

const toHeaderPairs = (headers: Record<string, string | string[]>): [string, string][] =>
  Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    typeof value === 'string' ? [[name, value]] : value.map((each): [string, string] => [name, each]),
  )
