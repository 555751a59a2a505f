import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { synthesise, WORKING } from '../support/assembly.ts'
import { deploy, type Deployed, type Use } from '../support/deployed.ts'
import { decide, type Statement } from '../support/iam-policy.ts'
import { walkWhole } from '../support/whole-journey.ts'
import { readTemplates, type Templates } from '../support/templates.ts'

/** Granted, and used by the Lambda service itself rather than by our code. */
const USED_BY_RUNTIME = ['logs:CreateLogStream', 'logs:PutLogEvents']

/** Actions that IAM knows no resource for, or none yet; what holds each instead. */
const WITHOUT_RESOURCE: Record<string, string> = {
  'ec2:DescribeInstances': 'knows no resources',
  'kms:ListAliases': 'knows no resources',
  'kms:ListKeys': 'knows no resources',
  'secretsmanager:ListSecrets': 'knows no resources',
  'kms:CreateKey': 'has none yet; the request must carry our stage’s tag',
  'kms:TagResource': 'at creation; the request must carry our stage’s tag',
}

/** One thing that a statement grants: an action on a resource, and with rows on those that begin so. */
interface Grant {
  functionName: string
  statement: number
  action: string
  resource: string
  rows: string
}

const grantsOf = (functionName: string, statements: readonly Statement[]): Grant[] =>
  statements.flatMap(({ Effect, Action, Resource, Condition }, statement) =>
    Effect === 'Deny'
      ? []
      : Action.flatMap((action) =>
          Resource.flatMap((resource) =>
            (Condition['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] ?? ['']).map((rows) => ({
              ...{ functionName, statement, action, resource, rows },
            })),
          ),
        ),
  )

const isUsed = (grant: Grant, uses: readonly Use[], statements: readonly Statement[]): boolean => {
  const whole = statements[grant.statement]
  if (whole === undefined) return false
  const narrowed: Statement = { ...whole, Action: [grant.action], Resource: [grant.resource] }
  const touches = (keys: string | string[] = []) =>
    grant.rows === '' || [keys].flat().some((key) => key.startsWith(grant.rows.replace('*', '')))
  return uses.some(
    ({ functionName, request }) =>
      functionName === grant.functionName &&
      touches(request.context['dynamodb:LeadingKeys']) &&
      decide([narrowed], request).allowed,
  )
}

describe('rights', () => {
  let house: Deployed
  let templates: Templates
  beforeAll(async () => {
    const assembly = await synthesise(WORKING)
    templates = readTemplates(assembly.directory)
    house = await deploy(templates)
    await walkWhole(house, templates).catch((error: Error) => {
      throw new Error(`${error.message}; refused: ${[...new Set(house.denials)].slice(-3).join('; ')}`)
    })
  }, 180_000)
  afterAll(() => house?.close())

  it('IAC-02 are all used, and nothing is used that is not granted', () => {
    const all = [...house.functions.values()].flatMap(({ name, statements }) =>
      grantsOf(name, statements).filter(({ action }) => !USED_BY_RUNTIME.includes(action)),
    )
    const unused = all.filter(
      (grant) => !isUsed(grant, house.uses, house.functions.get(grant.functionName)?.statements ?? []),
    )

    const table = [...house.functions.values()].map(({ name }) => {
      const granted = new Set(all.filter(({ functionName }) => functionName === name).map(({ action }) => action))
      const used = new Set(
        house.uses.filter(({ functionName }) => functionName === name).map(({ request }) => request.action),
      )
      return `  ${name.padEnd(12)} granted ${String(granted.size).padStart(2)}  used ${String(used.size).padStart(2)}  ${[...used].toSorted().join(' ')}`
    })
    const text = `\nIAM actions per function, granted and used in the whole journey:\n${table.join('\n')}\n`
    process.stdout.write(text)
    expect(
      unused.map(({ functionName, action, resource, rows }) => `${functionName}: ${action} on ${resource} ${rows}`),
    ).toEqual([])
    expect([...new Set(house.denials)]).toEqual([])
  })

  it('IAC-02 name their resources, but for a listed few', () => {
    const wild = [...house.functions.values()].flatMap(({ statements }) =>
      statements.filter(({ Resource }) => Resource.includes('*')).flatMap(({ Action }) => Action),
    )
    const wildActions = [...house.functions.values()].flatMap(({ statements }) =>
      statements.flatMap(({ Action }) => Action.filter((action) => action.includes('*'))),
    )

    expect([...new Set(wild)].toSorted()).toEqual(Object.keys(WITHOUT_RESOURCE).toSorted())
    expect(wildActions).toEqual([])
  })
})
