import { createHash } from 'node:crypto'
import { toRecord } from './service.ts'
import { jsonProtocol } from './wire-json.ts'
import type { WireProtocol } from './wire-protocol.ts'

/** Where the queues' addresses lie inside the embedded AWS. */
const INSIDE = 'http://embedded'

const moveTo = (origin: string, members: Record<string, unknown>): Record<string, unknown> => {
  const { QueueUrl } = members
  if (typeof QueueUrl !== 'string' || !URL.canParse(QueueUrl)) return members
  return { ...members, QueueUrl: origin + new URL(QueueUrl).pathname }
}

const md5 = (text: unknown): string => createHash('md5').update(String(text)).digest('hex')

const checksumsOf = (operation: string, input: Record<string, unknown>, output: Record<string, unknown>) => {
  if (operation === 'SendMessage') return { MD5OfMessageBody: md5(input.MessageBody) }
  if (operation !== 'ReceiveMessage' || !Array.isArray(output.Messages)) return {}
  return { Messages: output.Messages.map(toRecord).map((message) => ({ MD5OfBody: md5(message.Body), ...message })) }
}

/**
 * AWS JSON with what an SQS client checks besides: the MD5 of each body, and queue addresses that lead to this server, as the
 * client sends to the address itself when its endpoint comes from the environment.
 */
export const sqsProtocol: WireProtocol = {
  ...jsonProtocol,
  read: (request) => {
    const { operation, input } = jsonProtocol.read(request)
    return { operation, input: moveTo(INSIDE, input) }
  },
  answer: (asked, output, request) =>
    jsonProtocol.answer(
      asked,
      { ...moveTo(request.origin, output), ...checksumsOf(asked.operation, asked.input, output) },
      request,
    ),
}
