import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EMBEDDED_PLACE, EMBEDDED_SUBNETS } from '../../local/aws/embedded-aws.ts'
import { RUNTIME_HASH } from '../../local/stand-in-instance.ts'
import type { Statement } from './iam-policy.ts'

/** Of the right form; stand-ins install nothing, so nothing is checked with it. */
const RELEASE_KEY = 'A'.repeat(124)

export interface Resource {
  stack: string
  id: string
  Type: string
  Properties: any
  [attribute: string]: any
}

/** The templates of an assembly as one, with every reference resolved to what it is on the embedded AWS. */
export interface Templates {
  directory: string
  all: Resource[]
  ofType: (type: string) => Resource[]
  resolve: (stack: string, value: unknown) => any
  /** Tells what a reference to a resource stands for, once it exists. */
  bind: (resource: Resource, attributes: Record<string, string>) => void
  toJSON: () => Record<string, any>
}

export const STACKS = [
  'VestibuleEdge',
  'VestibuleData',
  'VestibuleNetwork',
  'VestibuleWeb',
  'VestibuleControlPlane',
  'VestibuleObservability',
]

const STACK_NAMES = ['edge', 'data', 'network', 'web', 'control-plane', 'observability']

const PSEUDO: Record<string, string> = {
  'AWS::Region': EMBEDDED_PLACE.region,
  'AWS::AccountId': EMBEDDED_PLACE.accountId,
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
}

export type Mutation = (templates: Record<string, any>) => void

export const readTemplates = (directory: string, mutate: Mutation = () => undefined): Templates => {
  const raw: Record<string, any> = Object.fromEntries(
    STACKS.map((stack) => [stack, JSON.parse(readFileSync(join(directory, `${stack}.template.json`), 'utf8'))]),
  )
  mutate(raw)
  const all: Resource[] = Object.entries(raw).flatMap(([stack, template]) =>
    Object.entries<any>(template.Resources ?? {}).map(([id, resource]) => ({ ...resource, stack, id })),
  )
  const bound = new Map<string, Record<string, string>>()
  const exports = new Map<string, { stack: string; value: unknown }>()
  for (const [stack, template] of Object.entries(raw)) {
    for (const output of Object.values<any>(template.Outputs ?? {})) {
      if (typeof output.Export?.Name === 'string') exports.set(output.Export.Name, { stack, value: output.Value })
    }
  }

  const attributeOf = (stack: string, id: string, attribute: string): string => {
    const known = bound.get(`${stack}/${id}`)?.[attribute]
    if (known !== undefined) return known
    const resource = all.find((one) => one.stack === stack && one.id === id)
    if (resource === undefined) throw new Error(`${stack} refers to ${id}, which is not in its template`)
    return attribute === 'Ref' ? id : `arn:embedded:${id}:${attribute}`
  }

  /** Stacks are called vestibule-<stage>-<name>; one of another region is what it is. */
  const stackOutput = ({ StackName, OutputName }: { StackName: string; OutputName: string }) => {
    const name = STACK_NAMES.find((one) => StackName.endsWith(`-${one}`)) ?? ''
    const stack = STACKS[STACK_NAMES.indexOf(name)] ?? ''
    const output = raw[stack]?.Outputs?.[OutputName]
    if (output === undefined) throw new Error(`${StackName} has no output ${OutputName}`)
    return name === 'edge' ? `arn:embedded:${StackName}:${OutputName}` : resolve(stack, output.Value)
  }

  const resolve = (stack: string, value: unknown): any => {
    if (Array.isArray(value)) return value.map((one) => resolve(stack, one))
    if (typeof value !== 'object' || value === null) return value
    const [[name, argument] = ['', undefined], ...others] = Object.entries<any>(value)
    if (others.length > 0 || !(name === 'Ref' || name.startsWith('Fn::'))) {
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, resolve(stack, one)]))
    }
    switch (name) {
      case 'Ref': {
        const parameter = raw[stack].Parameters?.[argument]
        if (argument === 'AgentRelease') return RUNTIME_HASH
        if (argument === 'ReleaseKey') return RELEASE_KEY
        if (parameter !== undefined)
          return parameter.Type.includes('AWS::EC2::Image') ? 'ami-0embedded' : parameter.Default
        return PSEUDO[argument] ?? attributeOf(stack, argument, 'Ref')
      }
      case 'Fn::GetAtt':
        return attributeOf(stack, argument[0], argument[1])
      case 'Fn::ImportValue': {
        const output = exports.get(resolve(stack, argument))
        if (output === undefined) throw new Error(`${stack} imports ${argument}, which no stack exports`)
        return resolve(output.stack, output.value)
      }
      case 'Fn::GetStackOutput':
        return stackOutput(argument)
      case 'Fn::Join':
        return resolve(stack, argument[1]).join(argument[0])
      case 'Fn::Select':
        return resolve(stack, argument[1])[Number(argument[0])]
      case 'Fn::Split':
        return String(resolve(stack, argument[1])).split(argument[0])
      case 'Fn::GetAZs':
        return Object.values(EMBEDDED_SUBNETS)
      default:
        throw new Error(`${name} is not known to the test's resolver; teach it`)
    }
  }

  return {
    directory,
    all,
    ofType: (type) => all.filter(({ Type }) => Type === type),
    resolve,
    bind: (resource, attributes) => {
      bound.set(`${resource.stack}/${resource.id}`, attributes)
    },
    toJSON: () => raw,
  }
}

const listOf = (value: unknown): string[] => [value].flat().map(String)

/** Both kinds of policy that a role gets from us: what does not fit into its own one goes into the second. */
export const ROLE_POLICIES = ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy'] as const

/** The statements of one role, from all policies that name it. */
export const statementsOf = (templates: Templates, role: Resource): Statement[] => {
  const name = templates.resolve(role.stack, { Ref: role.id })
  return ROLE_POLICIES.flatMap((type) => templates.ofType(type))
    .filter((policy) => templates.resolve(policy.stack, policy.Properties.Roles).includes(name))
    .flatMap((policy) => templates.resolve(policy.stack, policy.Properties.PolicyDocument).Statement)
    .map((statement: any) => ({
      Sid: statement.Sid,
      Effect: statement.Effect,
      Action: listOf(statement.Action),
      Resource: listOf(statement.Resource),
      Condition: Object.fromEntries(
        Object.entries<any>(statement.Condition ?? {}).map(([operator, keys]) => [
          operator,
          Object.fromEntries(Object.entries(keys).map(([key, wanted]) => [key, listOf(wanted)])),
        ]),
      ),
    }))
}
