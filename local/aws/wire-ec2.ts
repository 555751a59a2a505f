import { randomUUID } from 'node:crypto'
import type { WireProtocol } from './wire-protocol.ts'
import { readQuery, type QueryNames } from './wire-query.ts'
import { xmlAnswer, xmlElement, xmlText } from './wire-xml.ts'

const NAMESPACE = 'http://ec2.amazonaws.com/doc/2016-11-15/'

/** ModifyInstanceAttribute alone calls its list otherwise than by the plural of what it holds. */
const INPUT_NAMES: QueryNames = {
  listName: (name) => (name === 'GroupId' ? 'Groups' : `${name}s`),
  numbers: new Set([
    'MinCount',
    'MaxCount',
    'MaxResults',
    'HttpPutResponseHopLimit',
    'VolumeSize',
    'Iops',
    'Throughput',
  ]),
  booleans: new Set(['DryRun', 'Encrypted', 'DeleteOnTermination', 'EbsOptimized', 'Force', 'Hibernate']),
}

/** Members whose element is not their own name with a small first letter, or for lists that name's singular and `Set`. */
const OUTPUT_NAMES: Record<string, string> = {
  State: 'instanceState',
  Instances: 'instancesSet',
  StartingInstances: 'instancesSet',
  StoppingInstances: 'instancesSet',
  TerminatingInstances: 'instancesSet',
  SecurityGroups: 'groupSet',
  BlockDeviceMappings: 'blockDeviceMapping',
}

const elementOf = (name: string, isList: boolean): string => {
  const small = name.charAt(0).toLowerCase() + name.slice(1)
  return OUTPUT_NAMES[name] ?? (isList ? `${small.replace(/s$/, '')}Set` : small)
}

const render = (value: unknown): [content: string, isText: boolean] => {
  if (value instanceof Date) return [value.toISOString(), true]
  if (Array.isArray(value)) return [value.map((item) => toElement('item', item)).join(''), false]
  if (typeof value === 'object' && value !== null) return [toElements(value), false]
  return [String(value), true]
}

const toElement = (element: string, value: unknown): string => {
  const [content, isText] = render(value)
  return isText ? xmlText(element, content) : xmlElement(element, content)
}

const toElements = (members: object): string =>
  Object.entries(members)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => toElement(elementOf(name, Array.isArray(value)), value))
    .join('')

/**
 * EC2's own query protocol (Smithy 2.0, "AWS EC2 query protocol"), for the operations on instances. The names that no rule
 * gives are those of the EC2 API reference.
 */
export const ec2Protocol: WireProtocol = {
  read: (request) => readQuery(request, INPUT_NAMES),
  answer: async ({ operation }, output) =>
    xmlAnswer(
      200,
      `<${operation}Response xmlns="${NAMESPACE}">${xmlText('requestId', randomUUID())}${toElements(output)}</${operation}Response>`,
    ),
  refuse: (fault) => {
    const error = xmlElement('Error', xmlText('Code', fault.name) + xmlText('Message', fault.message))
    return xmlAnswer(
      fault.statusCode,
      xmlElement('Response', xmlElement('Errors', error) + xmlText('RequestID', randomUUID())),
    )
  },
}
