import { ErrorBody } from '../../lambdas/contract/errors.ts'
import { describeApi } from '../../lambdas/contract/openapi.ts'
import { type Operation, type OperationName, operations } from '../../lambdas/contract/operations.ts'
import { ORIGIN } from '../support/browser.ts'
import type { FuzzAnswer } from './fuzz-doors.ts'
import { type FuzzRequest, OPERATION_NAMES } from './fuzz-requests.ts'
import type { FuzzWorld } from './fuzz-world.ts'

/** What an answer must be, whatever was asked. */

/** The statuses that the published document says an operation has, each with its error codes. */
const { paths }: { paths: Record<string, Record<string, any>> } = describeApi('')
const published = new Map(
  OPERATION_NAMES.map((name) => {
    const [method = '', path = ''] = name.split(' ')
    const responses: [string, { description: string }][] = Object.entries(paths[path]?.[method.toLowerCase()].responses)
    return [
      name,
      new Map(responses.map(([status, { description }]) => [Number(status), description.split(', ')])),
    ] as const
  }),
)

const patterns = OPERATION_NAMES.map((name) => {
  const [method = '', path = ''] = name.split(' ')
  return { name, method, path: new RegExp(`^${path.replace('{id}', '[^/?#]+')}$`) }
})

/** Methods that `fetch` writes large by itself (Fetch, "normalize a method"). */
const FOLDED = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']

/** The operation that a request reaches once a URL parser has folded its dot segments, or null. */
const operationOf = (method: string, target: string): OperationName | null => {
  const path = URL.parse(ORIGIN + target)?.pathname ?? ''
  const large = FOLDED.includes(method.toUpperCase()) ? method.toUpperCase() : method
  const wanted = large === 'HEAD' ? 'GET' : large
  return patterns.find((pattern) => pattern.method === wanted && pattern.path.test(path))?.name ?? null
}

const HEADERS: Record<string, string> = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

const judgeHeaders = (answer: FuzzAnswer): string[] => {
  const found = Object.entries(HEADERS)
    .filter(([name, value]) => answer.header(name) !== value)
    .map(([name]) => `has no ${name}`)
  if (answer.header('x-request-id') === null) found.push('has no x-request-id')
  if (answer.text !== '' && answer.header('content-type') !== 'application/json') found.push('is not said to be JSON')
  return found
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const judgeError = (answer: FuzzAnswer, name: OperationName | null): string[] => {
  const error = ErrorBody.safeParse(parse(answer.text))
  if (!error.success) return ['is an error that does not have the shape of one']
  const { code, requestId } = error.data.error
  const found: string[] = []
  if (requestId !== answer.header('x-request-id')) found.push('names another request')
  if ((answer.status === 429 || answer.status === 503) && answer.header('retry-after') === null)
    found.push('does not say when to come back')
  const isCommon = (answer.status === 404 && code === 'not_found') || (answer.status === 400 && code === 'malformed')
  const codes = name === null ? [] : (published.get(name)?.get(answer.status) ?? [])
  if (!isCommon && !codes.includes(code)) found.push(`has an unpublished error: ${answer.status} ${code}`)
  return found
}

const judgeSuccess = (
  request: FuzzRequest,
  answer: FuzzAnswer,
  name: OperationName | null,
  world: FuzzWorld,
): string[] => {
  if (name === null) return ['says yes to what is no operation']
  const operation: Operation = operations[name]
  const found: string[] = []
  if (answer.status !== operation.status) found.push('has a status of its own')
  const isEmpty = request.method.toUpperCase() === 'HEAD' || operation.answer === null
  if (isEmpty && answer.text !== '') found.push('has a body where there is none')
  if (!isEmpty && operation.answer?.safeParse(parse(answer.text)).success !== true)
    found.push('does not fit its schema')
  const { may, tenant } = request.caller
  // A session that is over can still be ended, for good.
  const isOpen = operation.access === 'instance' || name === 'POST /api/logout'
  if (!isOpen && !may.includes(operation.access)) found.push('is for somebody else')
  const foreign = tenant === null ? [] : world.pools.of(`agents of ${tenant === 'ana' ? 'bob' : 'ana'}`)
  if (operation.access === 'tenant' && foreign.some((id) => request.target.includes(id))) found.push('crosses tenants')
  return found
}

/** Everything that is wrong with an answer. */
export const judge = (request: FuzzRequest, answer: FuzzAnswer, world: FuzzWorld): string[] => {
  const name = operationOf(request.method, request.target)
  if (answer.status >= 500) return [`is ${answer.status}: ${answer.text.slice(0, 200)}`]
  const ownWords = answer.status >= 400 && request.method.toUpperCase() !== 'HEAD' ? judgeError(answer, name) : []
  const yes = answer.status < 400 ? judgeSuccess(request, answer, name, world) : []
  return [...judgeHeaders(answer), ...ownWords, ...yes]
}

/** An answer that came from below the app: the server's own parser does not speak JSON, but it must say no. */
export const judgeRaw = (answer: FuzzAnswer | null): string[] =>
  answer !== null && answer.status >= 500 && answer.status !== 505 ? [`is ${answer.status} from the socket`] : []
