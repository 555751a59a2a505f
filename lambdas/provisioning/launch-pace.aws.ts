import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import { LAUNCH_OVERDUE_SECONDS, LAUNCHES_AT_ONCE, LAUNCHES_PER_SECOND } from '../contract/facts.ts'
import { launchPaceKey } from '../contract/names.ts'
import { addSeconds, type Clock, type Pause, toEpochSeconds } from '../core/clock.ts'

/** Milliseconds from one turn to the next. */
const STEP = 1000 / LAUNCHES_PER_SECOND

/** How far back turns that nobody used are made up for, in milliseconds: EC2's bucket of requests holds no more. */
const SLACK = (LAUNCHES_AT_ONCE - 1) * STEP

/**
 * The furthest that a turn may be away, in milliseconds. Who waits for one occupies a worker, and there are too few of those to
 * get so far: a row beyond it was written by a clock that was wrong, and is started anew.
 */
const HORIZON = 20_000

const DAY_SECONDS = 86_400

const PaceRow = z.object({ nextAt: z.number() })
const LineRow = z.object({ lineAt: z.optional(z.string()), lineHead: z.optional(z.string()) })

/**
 * Deals out the turns to ask EC2 for a machine, one every half second over all copies of all functions: one row that says when
 * the next turn is, moved on by conditional writes. After a pause the first few come at once, as in EC2's own bucket.
 */
export const createLaunchPace = (deps: {
  dynamo: DynamoDBDocumentClient
  limitsTable: string
  clock: Clock
  pause: Pause
}) => {
  const { dynamo, limitsTable, clock, pause } = deps

  /** One conditional write to the row. Null when its condition did not hold, else when the turn is that it took. */
  const move = async (now: Date, set: string, condition: string, head: string | undefined): Promise<number | null> => {
    const nowMilliseconds = now.getTime()
    const line = head === undefined ? '' : ', lineAt = :lineAt, lineHead = :lineHead'
    const moved = await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
      dynamo.send(
        new UpdateCommand({
          TableName: limitsTable,
          Key: launchPaceKey,
          UpdateExpression: `SET nextAt = ${set}, expiresAt = :expiresAt${line}`,
          ConditionExpression: condition,
          ExpressionAttributeValues: {
            ':from': nowMilliseconds - SLACK,
            ':step': STEP,
            ':horizon': nowMilliseconds + HORIZON,
            ':expiresAt': toEpochSeconds(now) + DAY_SECONDS,
            ...(head === undefined ? {} : { ':lineAt': now.toISOString(), ':lineHead': head }),
          },
          ReturnValues: 'ALL_NEW',
        }),
      ),
    )
    return moved.ok ? PaceRow.parse(moved.value.Attributes).nextAt - STEP : null
  }

  const reserve = async (now: Date, head?: string): Promise<number> =>
    (await move(now, 'nextAt + :step', 'nextAt > :from AND nextAt <= :horizon', head)) ??
    (await move(now, ':from + :step', 'attribute_not_exists(nextAt) OR nextAt <= :from OR nextAt > :horizon', head)) ??
    // Another worker took the free turn between the two writes: there is a line to stand in now.
    reserve(clock.now(), head)

  return {
    /**
     * Waits for a turn; the caller then makes one call. The launch queue says when the agent that it serves came into the line,
     * so that the row tells how far the line has got.
     */
    takeTurn: async (lineHead?: string): Promise<void> => {
      const at = await reserve(clock.now(), lineHead)
      const wait = at - clock.now().getTime()
      if (wait > 0) await pause(wait)
    },

    /** EC2 refused: nothing is left to be made up for, and whoever asks next waits at least one turn from now. */
    noteRefusal: async (): Promise<void> => {
      const now = clock.now().getTime()
      await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
        dynamo.send(
          new UpdateCommand({
            TableName: limitsTable,
            Key: launchPaceKey,
            UpdateExpression: 'SET nextAt = :next',
            ConditionExpression: 'nextAt < :next',
            ExpressionAttributeValues: { ':next': now + STEP },
          }),
        ),
      )
    },

    /**
     * Who came into the line by then and still waits was passed by. While the queue serves nobody there is no line, and
     * everybody who has waited for a while was.
     */
    passedBy: async (): Promise<Date> => {
      const now = clock.now()
      const { Item = {} } = await callAws('dynamodb', () =>
        dynamo.send(new GetCommand({ TableName: limitsTable, Key: launchPaceKey, ConsistentRead: true })),
      )
      const { lineAt, lineHead } = LineRow.parse(Item)
      const isServing = lineAt !== undefined && addSeconds(new Date(lineAt), LAUNCH_OVERDUE_SECONDS) > now
      const servedUpTo = isServing && lineHead !== undefined ? new Date(lineHead) : now
      return addSeconds(servedUpTo, -LAUNCH_OVERDUE_SECONDS)
    },
  }
}

export type LaunchPace = ReturnType<typeof createLaunchPace>
