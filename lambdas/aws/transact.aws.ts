import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import {
  type DynamoDBDocumentClient,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from '@aws-sdk/lib-dynamodb'
import { pauseWithJitter } from '../core/backoff.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import { callAws, DependencyError } from './errors.aws.ts'

export type WriteAction = NonNullable<TransactWriteCommandInput['TransactItems']>[number]

/** One part of a transaction and the failure it means when its own condition does not hold. */
export interface TransactStep<R extends string> {
  action: WriteAction
  refusal: R
}

const MAX_ATTEMPTS = 10
const RETRYABLE = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'])

/**
 * All steps or none (DynamoDB TransactWriteItems). Fails with the refusal of the first step whose condition did not hold;
 * conflicts with other writers are retried, which the SDK does not do. The SDK's request token makes a repeat after a
 * time-out safe.
 */
export const transact = async <R extends string>(
  client: DynamoDBDocumentClient,
  random: Random,
  steps: readonly TransactStep<R>[],
): Promise<Result<void, { reason: R }>> => {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await client.send(new TransactWriteCommand({ TransactItems: steps.map((step) => step.action) }))
      return ok(undefined)
    } catch (error) {
      const conflict = error instanceof Error && error.name === 'TransactionInProgressException'
      if (!conflict && !(error instanceof TransactionCanceledException)) {
        return callAws('dynamodb', () => Promise.reject(error))
      }
      const reasons = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : []
      const refused = steps.find((_, index) => reasons[index]?.Code === 'ConditionalCheckFailed')
      if (refused !== undefined) return fail({ reason: refused.refusal })
      const retryable = conflict || reasons.some((reason) => RETRYABLE.has(reason.Code ?? ''))
      if (!retryable) throw new DependencyError('dynamodb', 'misused', error)
      if (attempt + 1 >= MAX_ATTEMPTS) throw new DependencyError('dynamodb', 'throttled', error)
      await pauseWithJitter(random, attempt)
    }
  }
}
