import { RESERVED_WORDS } from './reserved-words.ts'
import { type AttributeValue, compareValues, equalValues, type Item, validation } from './values.ts'

/**
 * Condition, filter, key and update expressions: the part of the grammar that our stores use (Amazon DynamoDB developer
 * guide, "Condition and filter expressions, operators, and functions" and "Update expressions").
 */

export interface Placeholders {
  names: Readonly<Record<string, string>>
  values: Readonly<Record<string, AttributeValue>>
}

type Path = string[]
type Operand =
  | { path: Path }
  | { value: string }
  | { ifNotExists: Path; otherwise: Operand }
  | { plus: [Operand, Operand]; sign: 1 | -1 }
type Condition =
  | { all: Condition[] }
  | { any: Condition[] }
  | { not: Condition }
  | { compare: string; left: Operand; right: Operand }
  | { in: Operand; list: Operand[] }
  | { exists: Path; wanted: boolean }
  | { beginsWith: Path; prefix: Operand }

const TOKEN = /\s*(<>|<=|>=|[=<>(),+-]|[:#]?[A-Za-z_][\w]*(?:\.[#A-Za-z_][\w]*)*)\s*/y

class Tokens {
  readonly #tokens: string[] = []
  #position = 0
  readonly usedNames = new Set<string>()
  readonly usedValues = new Set<string>()

  constructor(expression: string) {
    TOKEN.lastIndex = 0
    while (TOKEN.lastIndex < expression.length) {
      const match = TOKEN.exec(expression)
      if (match === null) throw validation(`Invalid expression: Syntax error in "${expression}"`)
      this.#tokens.push(match[1] ?? '')
    }
  }

  peek(): string {
    return this.#tokens[this.#position] ?? ''
  }

  isKeyword(word: string): boolean {
    return this.peek().toUpperCase() === word
  }

  next(): string {
    const token = this.peek()
    this.#position += 1
    return token
  }

  take(token: string): boolean {
    if (this.peek().toUpperCase() !== token) return false
    this.#position += 1
    return true
  }

  expect(token: string): void {
    if (!this.take(token)) throw validation(`Invalid expression: expected "${token}", got "${this.peek()}"`)
  }

  end(): void {
    if (this.#position < this.#tokens.length) throw validation(`Invalid expression: unexpected "${this.peek()}"`)
  }
}

const readPath = (tokens: Tokens): Path =>
  tokens
    .next()
    .split('.')
    .map((part) => {
      if (part.startsWith('#')) tokens.usedNames.add(part)
      else if (RESERVED_WORDS.has(part.toUpperCase())) {
        throw validation(`Invalid expression: Attribute name is a reserved keyword; reserved keyword: ${part}`)
      }
      return part
    })

const readOperand = (tokens: Tokens): Operand => {
  const token = tokens.peek()
  if (token.startsWith(':')) {
    tokens.usedValues.add(token)
    return { value: tokens.next() }
  }
  if (token === 'if_not_exists') {
    tokens.next()
    tokens.expect('(')
    const ifNotExists = readPath(tokens)
    tokens.expect(',')
    const otherwise = readOperand(tokens)
    tokens.expect(')')
    return { ifNotExists, otherwise }
  }
  return { path: readPath(tokens) }
}

const readPrimary = (tokens: Tokens): Condition => {
  if (tokens.take('(')) {
    const inner = readAny(tokens)
    tokens.expect(')')
    return inner
  }
  const token = tokens.peek()
  if (token === 'attribute_exists' || token === 'attribute_not_exists') {
    tokens.next()
    tokens.expect('(')
    const exists = readPath(tokens)
    tokens.expect(')')
    return { exists, wanted: token === 'attribute_exists' }
  }
  if (token === 'begins_with') {
    tokens.next()
    tokens.expect('(')
    const beginsWith = readPath(tokens)
    tokens.expect(',')
    const prefix = readOperand(tokens)
    tokens.expect(')')
    return { beginsWith, prefix }
  }
  const left = readOperand(tokens)
  if (tokens.take('IN')) {
    tokens.expect('(')
    const list = [readOperand(tokens)]
    while (tokens.take(',')) list.push(readOperand(tokens))
    tokens.expect(')')
    return { in: left, list }
  }
  const compare = tokens.next()
  if (!['=', '<>', '<', '<=', '>', '>='].includes(compare))
    throw validation(`Invalid expression: unknown operator "${compare}"`)
  return { compare, left, right: readOperand(tokens) }
}

const readNot = (tokens: Tokens): Condition => (tokens.take('NOT') ? { not: readNot(tokens) } : readPrimary(tokens))

const readAll = (tokens: Tokens): Condition => {
  const all = [readNot(tokens)]
  while (tokens.take('AND')) all.push(readNot(tokens))
  return { all }
}

const readAny = (tokens: Tokens): Condition => {
  const any = [readAll(tokens)]
  while (tokens.take('OR')) any.push(readAll(tokens))
  return { any }
}

interface Parsed<T> {
  tree: T
  usedNames: ReadonlySet<string>
  usedValues: ReadonlySet<string>
}

const cached = <T>(read: (tokens: Tokens) => T) => {
  const known = new Map<string, Parsed<T>>()
  return (expression: string): Parsed<T> => {
    const hit = known.get(expression)
    if (hit !== undefined) return hit
    const tokens = new Tokens(expression)
    const tree = read(tokens)
    tokens.end()
    const parsed = { tree, usedNames: tokens.usedNames, usedValues: tokens.usedValues }
    known.set(expression, parsed)
    return parsed
  }
}

const parseCondition = cached(readAny)

const parseUpdate = cached((tokens) => {
  tokens.expect('SET')
  const assignments: { path: Path; operand: Operand }[] = []
  do {
    const path = readPath(tokens)
    tokens.expect('=')
    let operand = readOperand(tokens)
    if (tokens.take('+')) operand = { plus: [operand, readOperand(tokens)], sign: 1 }
    else if (tokens.take('-')) operand = { plus: [operand, readOperand(tokens)], sign: -1 }
    assignments.push({ path, operand })
  } while (tokens.take(','))
  return assignments
})

const nameOf = (part: string, { names }: Placeholders): string => {
  if (!part.startsWith('#')) return part
  const name = names[part]
  if (name === undefined)
    throw validation(`An expression attribute name used in the expression is not defined: ${part}`)
  return name
}

const readAt = (item: Item, path: Path, placeholders: Placeholders): AttributeValue | undefined => {
  let current: AttributeValue | undefined = { M: item }
  for (const part of path) {
    if (current === undefined || !('M' in current)) return undefined
    current = current.M[nameOf(part, placeholders)]
  }
  return current
}

const evaluate = (operand: Operand, item: Item, placeholders: Placeholders): AttributeValue | undefined => {
  if ('path' in operand) return readAt(item, operand.path, placeholders)
  if ('value' in operand) {
    const value = placeholders.values[operand.value]
    if (value === undefined)
      throw validation(`An expression attribute value used in expression is not defined: ${operand.value}`)
    return value
  }
  if ('ifNotExists' in operand)
    return readAt(item, operand.ifNotExists, placeholders) ?? evaluate(operand.otherwise, item, placeholders)
  const [left, right] = operand.plus.map((side) => evaluate(side, item, placeholders))
  if (left === undefined || right === undefined)
    throw validation('The provided expression refers to an attribute that does not exist in the item')
  if (!('N' in left) || !('N' in right))
    throw validation('An operand in the update expression has an incorrect data type')
  return { N: String(Number(left.N) + operand.sign * Number(right.N)) }
}

const compare = (operator: string, left: AttributeValue | undefined, right: AttributeValue | undefined): boolean => {
  if (operator === '<>') return left === undefined || right === undefined || !equalValues(left, right)
  if (left === undefined || right === undefined) return false
  if (operator === '=') return equalValues(left, right)
  const order = compareValues(left, right)
  if (order === null) return false
  return { '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[operator] ?? false
}

const holds = (condition: Condition, item: Item, placeholders: Placeholders): boolean => {
  if ('all' in condition) return condition.all.every((part) => holds(part, item, placeholders))
  if ('any' in condition) return condition.any.some((part) => holds(part, item, placeholders))
  if ('not' in condition) return !holds(condition.not, item, placeholders)
  if ('exists' in condition) return (readAt(item, condition.exists, placeholders) !== undefined) === condition.wanted
  if ('beginsWith' in condition) {
    const value = readAt(item, condition.beginsWith, placeholders)
    const prefix = evaluate(condition.prefix, item, placeholders)
    return value !== undefined && prefix !== undefined && 'S' in value && 'S' in prefix && value.S.startsWith(prefix.S)
  }
  if ('in' in condition) {
    const value = evaluate(condition.in, item, placeholders)
    return (
      value !== undefined && condition.list.some((entry) => compare('=', value, evaluate(entry, item, placeholders)))
    )
  }
  return compare(
    condition.compare,
    evaluate(condition.left, item, placeholders),
    evaluate(condition.right, item, placeholders),
  )
}

/** Whether an item fits a condition; an absent item is an empty one. */
export const conditionHolds = (expression: string | undefined, item: Item, placeholders: Placeholders): boolean =>
  expression === undefined || holds(parseCondition(expression).tree, item, placeholders)

const writeAt = (item: Item, path: Path, value: AttributeValue, placeholders: Placeholders): Item => {
  const [first = '', ...rest] = path
  const name = nameOf(first, placeholders)
  if (rest.length === 0) return { ...item, [name]: value }
  const inner = item[name]
  if (inner === undefined || !('M' in inner))
    throw validation('The document path provided in the update expression is invalid for update')
  return { ...item, [name]: { M: writeAt(inner.M, rest, value, placeholders) } }
}

/** Applies an update; every operand is read from the item as it was. */
export const applyUpdate = (expression: string, item: Item, placeholders: Placeholders): Item => {
  let next = item
  for (const { path, operand } of parseUpdate(expression).tree) {
    const value = evaluate(operand, item, placeholders)
    if (value === undefined)
      throw validation('The provided expression refers to an attribute that does not exist in the item')
    next = writeAt(next, path, value, placeholders)
  }
  return next
}

/** DynamoDB refuses placeholders that no expression uses: a typing error in a store shows at once. */
export const checkPlaceholders = (
  conditions: readonly (string | undefined)[],
  update: string | undefined,
  placeholders: Placeholders,
): void => {
  const parsed: Parsed<unknown>[] = conditions.filter((text) => text !== undefined).map((text) => parseCondition(text))
  if (update !== undefined) parsed.push(parseUpdate(update))
  for (const name of Object.keys(placeholders.names)) {
    if (!parsed.some(({ usedNames }) => usedNames.has(name))) {
      throw validation(`Value provided in ExpressionAttributeNames unused in expressions: keys: {${name}}`)
    }
  }
  for (const value of Object.keys(placeholders.values)) {
    if (!parsed.some(({ usedValues }) => usedValues.has(value))) {
      throw validation(`Value provided in ExpressionAttributeValues unused in expressions: keys: {${value}}`)
    }
  }
}

/** Sorts after every text that we use in a key. */
const LAST_KEY = '\u{10ffff}'

export interface KeyQuery {
  partition: string
  /** Bounds of the sort key, both inclusive. */
  from: string
  to: string
}

/** Reads `pk = :p` and, where given, `begins_with(sk, :prefix)` `sk <= :to` or `sk >= :from` out of a key condition. */
export const readKeyQuery = (
  expression: string,
  keys: { partition: string; sort?: string },
  placeholders: Placeholders,
): KeyQuery => {
  let partition: string | undefined
  let from = ''
  let to = LAST_KEY
  const boundOf = (condition: Condition, operator: '<=' | '>='): string | undefined => {
    if (!('compare' in condition) || condition.compare !== operator || !('path' in condition.left)) return undefined
    const value = evaluate(condition.right, {}, placeholders)
    const isSort = nameOf(condition.left.path[0] ?? '', placeholders) === keys.sort
    return isSort && value !== undefined && 'S' in value ? value.S : undefined
  }
  const visit = (condition: Condition): void => {
    if ('any' in condition && condition.any.length === 1) return condition.any.forEach(visit)
    if ('all' in condition) return condition.all.forEach(visit)
    const [upper, lower] = [boundOf(condition, '<='), boundOf(condition, '>=')]
    if (upper !== undefined || lower !== undefined) {
      to = upper ?? to
      from = lower ?? from
      return
    }
    if ('compare' in condition && condition.compare === '=' && 'path' in condition.left) {
      const value = evaluate(condition.right, {}, placeholders)
      const [name = ''] = condition.left.path
      if (nameOf(name, placeholders) === keys.partition && value !== undefined && 'S' in value) {
        partition = value.S
        return
      }
    }
    if ('beginsWith' in condition && nameOf(condition.beginsWith[0] ?? '', placeholders) === keys.sort) {
      const value = evaluate(condition.prefix, {}, placeholders)
      if (value !== undefined && 'S' in value) {
        from = value.S
        to = value.S + LAST_KEY
        return
      }
    }
    throw validation('Query key condition not supported')
  }
  visit(parseCondition(expression).tree)
  if (partition === undefined) throw validation('Query condition missed key schema element')
  return { partition, from, to }
}
