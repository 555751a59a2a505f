import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { Logger } from '../lambdas/core/logger.ts'
import { parseJson } from '../lambdas/core/json.ts'
import { handleEvent } from '../lambdas/provisioning/handle-event.ts'

const BATCH = 2

/**
 * Lambda's part for a queue of the provisioner: takes messages, hands each to the provisioner, deletes what is done. What cannot
 * be understood goes to the dead letters at once; what failed for now comes back when its visibility ends.
 */
export const createWorker = (input: {
  sqs: SQSClient
  queueUrl: string
  deadLetterUrl: string
  deps: Parameters<typeof handleEvent>[0]
  logger: Logger
}) => {
  const { sqs, queueUrl, deadLetterUrl, deps, logger } = input

  const work = async (body: string): Promise<boolean> => {
    const event = parseJson(body)
    const handled = await handleEvent(deps, event.ok ? event.value : null)
    if (handled.ok) return true
    logger.error('event is not usable', { reason: handled.failure.reason })
    return false
  }

  /** Works off what is visible now. Returns how many messages there were. */
  return async (): Promise<number> => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: BATCH }),
    )
    for (const { Body = '', ReceiptHandle } of Messages) {
      try {
        const usable = await work(Body)
        if (!usable) await sqs.send(new SendMessageCommand({ QueueUrl: deadLetterUrl, MessageBody: Body }))
        await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }))
      } catch (error) {
        logger.error('event will be tried again', { errorName: error instanceof Error ? error.name : 'unknown' })
      }
    }
    return Messages.length
  }
}
