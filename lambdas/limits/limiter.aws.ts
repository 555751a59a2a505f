import { type DynamoDBDocumentClient, DeleteCommand, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import { transact, type TransactStep, type WriteAction } from '../aws/transact.aws.ts'
import { LIMITS_PER_MINUTE, SIGN_IN_BACKOFF_SECONDS, SIGN_IN_FAILURES_BEFORE_BACKOFF } from '../contract/facts.ts'
import type { TenantId } from '../contract/ids.ts'
import { limitKey, proofKey } from '../contract/names.ts'
import { type Clock, toEpochSeconds } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'

export type LimitKind = keyof typeof LIMITS_PER_MINUTE

export type RateLimited = { reason: 'rate_limited'; retryAfterSeconds: number }

const WINDOW_SECONDS = 60
const DAY_SECONDS = 86_400

/**
 * Whose failed sign-ins are counted: those for an address by strangers, or by browsers that have signed in to it before. All
 * of these share one row of five, so that a stock of old marks buys no more guesses than one.
 */
export interface SignInSubject {
  email: string
  isKnownBrowser: boolean
}

/**
 * Atomic counters in DynamoDB: right over any number of containers. An attempt is reserved before the expensive work it
 * guards, so a burst cannot slip through between a check and a count.
 */
export const createLimiter = (deps: {
  dynamo: DynamoDBDocumentClient
  limitsTable: string
  clock: Clock
  random: Random
}) => {
  const { dynamo, limitsTable, clock, random } = deps

  const minuteStep = (
    kind: LimitKind,
    subject: string,
  ): WriteAction & { Update: NonNullable<WriteAction['Update']> } => {
    const nowSeconds = toEpochSeconds(clock.now())
    const window = Math.floor(nowSeconds / WINDOW_SECONDS)
    return {
      Update: {
        TableName: limitsTable,
        Key: limitKey(kind, subject, window),
        UpdateExpression: 'SET hits = if_not_exists(hits, :zero) + :one, expiresAt = :expiresAt',
        ConditionExpression: 'attribute_not_exists(hits) OR hits < :max',
        ExpressionAttributeValues: {
          ':zero': 0,
          ':one': 1,
          ':max': LIMITS_PER_MINUTE[kind],
          ':expiresAt': nowSeconds + 10 * WINDOW_SECONDS,
        },
      },
    }
  }

  /** What a client is told whose minute is spent. */
  const untilNextWindow = (): RateLimited => ({
    reason: 'rate_limited',
    retryAfterSeconds: WINDOW_SECONDS - (toEpochSeconds(clock.now()) % WINDOW_SECONDS),
  })

  const signInKey = ({ email, isKnownBrowser }: SignInSubject) =>
    limitKey('sign-in', isKnownBrowser ? `${email} known` : email, 0)

  const signInStep = (subject: SignInSubject): WriteAction => {
    const nowSeconds = toEpochSeconds(clock.now())
    return {
      Update: {
        TableName: limitsTable,
        Key: signInKey(subject),
        UpdateExpression: 'SET failures = if_not_exists(failures, :zero) + :one, lastAt = :now, expiresAt = :expiresAt',
        ConditionExpression: 'attribute_not_exists(failures) OR failures < :max',
        ExpressionAttributeValues: {
          ':zero': 0,
          ':one': 1,
          ':max': SIGN_IN_FAILURES_BEFORE_BACKOFF,
          ':now': nowSeconds,
          ':expiresAt': nowSeconds + DAY_SECONDS,
        },
      },
    }
  }

  /** Starts a new row of five once the back-off of the last row is over; says how long it still takes otherwise. */
  const endBackoff = async (subject: SignInSubject): Promise<Result<void, RateLimited>> => {
    const nowSeconds = toEpochSeconds(clock.now())
    const { Item } = await callAws('dynamodb', () =>
      dynamo.send(new GetCommand({ TableName: limitsTable, Key: signInKey(subject), ConsistentRead: true })),
    )
    const lastAt = typeof Item?.lastAt === 'number' ? Item.lastAt : 0
    const waitSeconds = lastAt + SIGN_IN_BACKOFF_SECONDS - nowSeconds
    if (waitSeconds > 0) return fail({ reason: 'rate_limited', retryAfterSeconds: waitSeconds })
    await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
      dynamo.send(
        new DeleteCommand({
          TableName: limitsTable,
          Key: signInKey(subject),
          ConditionExpression: 'lastAt = :lastAt',
          ExpressionAttributeValues: { ':lastAt': lastAt },
        }),
      ),
    )
    return ok(undefined)
  }

  /** One change by a tenant against its minute, for the transaction that makes it: what is refused counts nothing. */
  const changeStep = (tenantId: TenantId): WriteAction => minuteStep('change', tenantId)

  /** Counts one request of a client (address bucket or account) against its minute. */
  const take = async (kind: LimitKind, subject: string): Promise<Result<void, RateLimited>> => {
    const counted = await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
      dynamo.send(new UpdateCommand(minuteStep(kind, subject).Update)),
    )
    return counted.ok ? ok(undefined) : fail(untilNextWindow())
  }

  /** Reserves one sign-in attempt: one of the client's per minute and one of five in a row for the account. */
  const takeSignIn = async (clientBucket: string, subject: SignInSubject): Promise<Result<void, RateLimited>> => {
    for (let round = 0; ; round += 1) {
      const steps: TransactStep<'client' | 'account'>[] = [
        { refusal: 'client', action: minuteStep('login', clientBucket) },
        { refusal: 'account', action: signInStep(subject) },
      ]
      const taken = await transact(dynamo, random, steps)
      if (taken.ok) return taken
      if (taken.failure.reason === 'client') return fail(untilNextWindow())
      const ended = await endBackoff(subject)
      if (!ended.ok) {
        // The refused transaction counted nothing; the client's minute must not come out of it untouched.
        const counted = await take('login', clientBucket)
        return counted.ok ? ended : counted
      }
      if (round > 2) return fail({ reason: 'rate_limited', retryAfterSeconds: SIGN_IN_BACKOFF_SECONDS })
    }
  }

  /** Reserves one password check for an account that is already signed in. */
  const takePasswordCheck = async (subject: SignInSubject): Promise<Result<void, RateLimited>> => {
    const taken = await transact(dynamo, random, [{ refusal: 'account', action: signInStep(subject) }])
    if (taken.ok) return taken
    const ended = await endBackoff(subject)
    return ended.ok ? takePasswordCheck(subject) : ended
  }

  /** The step that ends a row of failures, for the transaction of the success that ends it. */
  const forgetFailures = (subject: SignInSubject): WriteAction => ({
    Delete: { TableName: limitsTable, Key: signInKey(subject) },
  })

  /** True the first time a one-time proof is seen (RFC 7519 `jti`); the row outlives the proof. */
  const spendProof = async (jti: string, expiresAt: Date): Promise<boolean> => {
    const spent = await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
      dynamo.send(
        new UpdateCommand({
          TableName: limitsTable,
          Key: proofKey(jti),
          UpdateExpression: 'SET expiresAt = :expiresAt',
          ConditionExpression: 'attribute_not_exists(pk)',
          ExpressionAttributeValues: { ':expiresAt': toEpochSeconds(expiresAt) + WINDOW_SECONDS },
        }),
      ),
    )
    return spent.ok
  }

  return { take, changeStep, untilNextWindow, takeSignIn, takePasswordCheck, forgetFailures, spendProof }
}

export type Limiter = ReturnType<typeof createLimiter>
