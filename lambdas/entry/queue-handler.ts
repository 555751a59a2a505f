import * as z from 'zod/mini'
import { parseJson } from '../core/json.ts'
import type { Logger } from '../core/logger.ts'
import type { Result } from '../core/result.ts'

/** What Lambda hands over from SQS (AWS Lambda developer guide, "Using Lambda with Amazon SQS"). */
const QueueEvent = z.object({ Records: z.array(z.object({ messageId: z.string(), body: z.string() })) })

export interface BatchAnswer {
  batchItemFailures: { itemIdentifier: string }[]
}

/**
 * Hands each message of a batch to `work` and tells SQS which to bring again: those that failed for now, and those that
 * cannot be used, which so end in the dead-letter queue where somebody sees them.
 */
export const handleQueueEvent =
  (logger: Logger, work: (event: unknown) => Promise<Result<void, { reason: string }>>) =>
  async (input: unknown): Promise<BatchAnswer> => {
    const batchItemFailures: BatchAnswer['batchItemFailures'] = []
    for (const { messageId, body } of QueueEvent.parse(input).Records) {
      try {
        const json = parseJson(body)
        const done = await work(json.ok ? json.value : null)
        if (done.ok) continue
        logger.error('event is not usable', { reason: done.failure.reason })
      } catch (error) {
        logger.error('event will be tried again', { errorName: error instanceof Error ? error.name : 'unknown' })
      }
      batchItemFailures.push({ itemIdentifier: messageId })
    }
    return { batchItemFailures }
  }
