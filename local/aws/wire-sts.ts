import { randomUUID } from 'node:crypto'
import type { WireProtocol } from './wire-protocol.ts'
import { readQuery, type QueryNames } from './wire-query.ts'
import { xmlAnswer, xmlElement, xmlText } from './wire-xml.ts'

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/'

const INPUT_NAMES: QueryNames = {
  listName: (name) => name,
  numbers: new Set(['DurationSeconds']),
  booleans: new Set(),
}

const textOf = (value: unknown): string => (value instanceof Date ? value.toISOString() : String(value))

/** STS (Smithy 2.0, "AWS query protocol"), for operations that answer flat: GetWebIdentityToken is one. */
export const stsProtocol: WireProtocol = {
  read: (request) => readQuery(request, INPUT_NAMES),
  answer: async ({ operation }, output) => {
    const members = Object.entries(output).map(([name, value]) => xmlText(name, textOf(value)))
    const result = xmlElement(`${operation}Result`, members.join(''))
    const metadata = xmlElement('ResponseMetadata', xmlText('RequestId', randomUUID()))
    return xmlAnswer(200, `<${operation}Response xmlns="${NAMESPACE}">${result}${metadata}</${operation}Response>`)
  },
  refuse: (fault) => {
    const type = fault.$fault === 'client' ? 'Sender' : 'Receiver'
    const error = xmlText('Type', type) + xmlText('Code', fault.name) + xmlText('Message', fault.message)
    return xmlAnswer(
      fault.statusCode,
      `<ErrorResponse xmlns="${NAMESPACE}">${xmlElement('Error', error)}${xmlText('RequestId', randomUUID())}</ErrorResponse>`,
    )
  },
}
