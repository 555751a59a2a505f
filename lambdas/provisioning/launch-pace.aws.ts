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

/**
 * How far the line has got. It is fair among tenants, so that an agent that came late may be served before many that came
 * early: whom it serves last says nothing about them. Who came earliest of those that it serves does, as long as it serves
 * each tenant that waits within `LAUNCH_OVERDUE_SECONDS`, and of a tenant those first who came first.
 */
const LineRow = z.object({
  /** When the queue last took a turn. */
  lineAt: z.optional(z.string()),
  /** When the earliest of those that it serves came into the line: since `headsFrom`, and in as long a time before. */
  lineHead: z.optional(z.string()),
  formerHead: z.optional(z.string()),
  headsFrom: z.optional(z.string()),
})

const toIso = (milliseconds: number): string => new Date(milliseconds).toISOString()

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

  /** One conditional write to the row. Returns the row, or null when the condition did not hold. */
  const write = async (set: string, condition: string, values: Record<string, string | number>) => {
    const written = await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
      dynamo.send(
        new UpdateCommand({
          TableName: limitsTable,
          Key: launchPaceKey,
          UpdateExpression: `SET ${set}`,
          ConditionExpression: condition,
          ExpressionAttributeValues: values,
          ReturnValues: 'ALL_NEW',
        }),
      ),
    )
    return written.ok ? (written.value.Attributes ?? {}) : null
  }

  /**
   * Notes who came earliest of those whom the queue serves, for as long as it takes to be overdue and as long again. Those who
   * follow came later, so that there is seldom anything to write.
   */
  const noteHead = async (row: unknown, head: string, now: Date): Promise<void> => {
    const { lineHead = head, headsFrom = '' } = LineRow.parse(row)
    const over = addSeconds(now, -LAUNCH_OVERDUE_SECONDS).toISOString()
    const horizon = toIso(now.getTime() + HORIZON)
    if (headsFrom > over && headsFrom <= horizon && lineHead <= head) return
    const begun = await write(
      'formerHead = lineHead, lineHead = :head, headsFrom = :now',
      'headsFrom <= :over OR headsFrom > :horizon',
      { ':head': head, ':now': now.toISOString(), ':over': over, ':horizon': horizon },
    )
    if (begun === null) await write('lineHead = :head', 'lineHead > :head', { ':head': head })
  }

  /** Takes a turn by one conditional write. Returns when it is, or null when the condition did not hold. */
  const move = async (now: Date, set: string, condition: string, head: string | undefined): Promise<number | null> => {
    const nowMilliseconds = now.getTime()
    const line =
      ', lineAt = :lineAt, lineHead = if_not_exists(lineHead, :head), headsFrom = if_not_exists(headsFrom, :lineAt)'
    const moved = await write(`nextAt = ${set}, expiresAt = :expiresAt${head === undefined ? '' : line}`, condition, {
      ':from': nowMilliseconds - SLACK,
      ':step': STEP,
      ':horizon': nowMilliseconds + HORIZON,
      ':expiresAt': toEpochSeconds(now) + DAY_SECONDS,
      ...(head === undefined ? {} : { ':lineAt': now.toISOString(), ':head': head }),
    })
    if (moved === null) return null
    if (head !== undefined) await noteHead(moved, head, now)
    return PaceRow.parse(moved).nextAt - STEP
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
      await write('nextAt = :next', 'nextAt < :next', { ':next': clock.now().getTime() + STEP })
    },

    /**
     * Who came into the line by then and still waits was passed by: long before everybody whom the queue served of late. While
     * it serves nobody there is no line, and everybody who has waited for a while was.
     */
    passedBy: async (): Promise<Date> => {
      const now = clock.now()
      const { Item = {} } = await callAws('dynamodb', () =>
        dynamo.send(new GetCommand({ TableName: limitsTable, Key: launchPaceKey, ConsistentRead: true })),
      )
      const { lineAt, lineHead, formerHead } = LineRow.parse(Item)
      const isServing = lineAt !== undefined && addSeconds(new Date(lineAt), LAUNCH_OVERDUE_SECONDS) > now
      const heads = [lineHead, formerHead].flatMap((head) => (head === undefined ? [] : [new Date(head).getTime()]))
      const servedUpTo = isServing ? new Date(Math.min(now.getTime(), ...heads)) : now
      return addSeconds(servedUpTo, -LAUNCH_OVERDUE_SECONDS)
    },
  }
}

export type LaunchPace = ReturnType<typeof createLaunchPace>
