import { AwsFault } from './service.ts'
import type { WireOperation, WireRequest } from './wire-protocol.ts'

type QueryNode = string | QueryTree
interface QueryTree extends Map<string, QueryNode> {}

/** What the query protocols leave out of their names: which members are lists, numbers or booleans. */
export interface QueryNames {
  /** The SDK's name of a list whose members came as `name.1`, `name.2`. */
  listName: (name: string) => string
  numbers: ReadonlySet<string>
  booleans: ReadonlySet<string>
}

const MAX_DEPTH = 12
const INDEX = /^[1-9]\d{0,5}$/
const NUMBER = /^-?\d{1,15}(?:\.\d{1,15})?$/

const malformed = (): AwsFault => new AwsFault('MalformedQueryString', 'The query string contains a syntax error')

const place = (root: QueryTree, name: string, value: string): void => {
  const steps = name.split('.')
  const last = steps.pop() ?? ''
  if (steps.length >= MAX_DEPTH) throw malformed()
  let node = root
  for (const step of steps) {
    const next: QueryNode = node.get(step) ?? new Map<string, QueryNode>()
    if (typeof next === 'string') throw malformed()
    node.set(step, next)
    node = next
  }
  if (node.has(last)) throw malformed()
  node.set(last, value)
}

const toScalar = (name: string, text: string, names: QueryNames): unknown => {
  if (names.numbers.has(name) && NUMBER.test(text)) return Number(text)
  if (names.booleans.has(name) && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

const isList = (tree: QueryTree): boolean => [...tree.keys()].every((key) => INDEX.test(key))

const toList = (name: string, tree: QueryTree, names: QueryNames): unknown[] =>
  [...tree]
    .toSorted(([left], [right]) => Number(left) - Number(right))
    .map(([, node]) => (typeof node === 'string' ? toScalar(name, node, names) : toRecord(node, names)))

const toMember = (name: string, node: QueryNode, names: QueryNames): [string, unknown] => {
  if (typeof node === 'string') return [name, toScalar(name, node, names)]
  const members = node.size === 1 ? node.get('member') : undefined
  if (members !== undefined && typeof members !== 'string') return [name, toList(name, members, names)]
  return isList(node) ? [names.listName(name), toList(name, node, names)] : [name, toRecord(node, names)]
}

const toRecord = (tree: QueryTree, names: QueryNames): Record<string, unknown> =>
  Object.fromEntries([...tree].map(([name, node]) => toMember(name, node, names)))

/**
 * Reads a form of the AWS query protocols (Smithy 2.0, "AWS query protocol", "AWS EC2 query protocol") back into the shape
 * that the SDK was given.
 */
export const readQuery = (request: WireRequest, names: QueryNames): WireOperation => {
  const root: QueryTree = new Map()
  for (const [name, value] of new URLSearchParams(request.body.toString())) place(root, name, value)
  const { Action, Version: _version, ...input } = toRecord(root, names)
  return { operation: typeof Action === 'string' ? Action : '', input }
}
