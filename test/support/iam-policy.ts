/** A small IAM: decides one request by the statements of one role (AWS IAM user guide, "Policy evaluation logic"). */

export interface Statement {
  Sid?: string
  Effect: 'Allow' | 'Deny'
  Action: string[]
  Resource: string[]
  Condition: Record<string, Record<string, string[]>>
}

export interface IamRequest {
  action: string
  resource: string
  context: Record<string, string | string[]>
}

export interface Decision {
  allowed: boolean
  /** The statements that allow it, by their place in the policy. */
  by: number[]
  deniedBy?: string
}

const escape = (text: string) => text.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
const like = (pattern: string, text: string): boolean =>
  new RegExp(`^${escape(pattern).replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text)

const OPERATORS: Record<string, (value: string, wanted: string) => boolean> = {
  StringEquals: (value, wanted) => value === wanted,
  StringLike: (value, wanted) => like(wanted, value),
  ArnEquals: (value, wanted) => like(wanted, value),
  ArnLike: (value, wanted) => like(wanted, value),
  Bool: (value, wanted) => value === wanted,
  NumericEquals: (value, wanted) => Number(value) === Number(wanted),
  NumericGreaterThanEquals: (value, wanted) => Number(value) >= Number(wanted),
  NumericLessThan: (value, wanted) => Number(value) < Number(wanted),
  DateLessThan: (value, wanted) => new Date(value) < new Date(wanted),
}

/** A policy variable that has no value matches nothing. */
const fillVariables = (text: string, context: IamRequest['context']): string | null => {
  let missing = false
  const filled = text.replaceAll(/\$\{([\w:]+)\}/g, (_, name: string) => {
    const value = context[name]
    if (typeof value !== 'string') missing = true
    return String(value)
  })
  return missing ? null : filled
}

const holds = (operatorName: string, key: string, wanted: string[], context: IamRequest['context']): boolean => {
  if (operatorName === 'Null') return wanted.includes(String(context[key] === undefined))
  const forAll = operatorName.startsWith('ForAllValues:')
  const compare = OPERATORS[operatorName.replace('ForAllValues:', '')]
  if (compare === undefined) throw new Error(`the simulator does not know the operator ${operatorName}; teach it`)
  const given = context[key]
  const values = given === undefined ? [] : [given].flat()
  const fits = (value: string) =>
    wanted.some((text) => {
      const filled = fillVariables(text, context)
      return filled !== null && compare(value, filled)
    })
  return forAll ? values.every(fits) : values.some(fits)
}

const matches = (statement: Statement, request: IamRequest): boolean =>
  statement.Action.some((action) => like(action.toLowerCase(), request.action.toLowerCase())) &&
  statement.Resource.some((resource) => like(resource, request.resource)) &&
  Object.entries(statement.Condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => holds(operator, key, wanted, request.context)),
  )

export const decide = (statements: readonly Statement[], request: IamRequest): Decision => {
  const denied = statements.find((statement) => statement.Effect === 'Deny' && matches(statement, request))
  if (denied !== undefined) return { allowed: false, by: [], deniedBy: denied.Sid ?? 'a deny' }
  const by = statements.flatMap((statement, place) =>
    statement.Effect === 'Allow' && matches(statement, request) ? [place] : [],
  )
  return { allowed: by.length > 0, by }
}
