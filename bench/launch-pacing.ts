import { DependencyError } from '../lambdas/aws/errors.aws.ts'
import { LAUNCH_OVERDUE_SECONDS, LAUNCHES_AT_A_TIME } from '../lambdas/contract/facts.ts'
import { AgentId, TenantId } from '../lambdas/contract/ids.ts'
import { TABLES } from '../lambdas/contract/tables.ts'
import { addSeconds } from '../lambdas/core/clock.ts'
import { createLogger } from '../lambdas/core/logger.ts'
import { ok } from '../lambdas/core/result.ts'
import { handleQueueEvent } from '../lambdas/entry/queue-handler.ts'
import { LAUNCH_SECONDS } from '../lambdas/provisioning/converge-agent.ts'
import { freezeAttempt } from '../lambdas/provisioning/launch-attempt.ts'
import { launchInTurn, type LaunchInTurnDeps } from '../lambdas/provisioning/launch-in-turn.ts'
import { createLaunchPace, type LaunchPace } from '../lambdas/provisioning/launch-pace.aws.ts'
import { createEmbeddedAws } from '../local/aws/embedded-aws.ts'
import { createTable, localLaunchSettings } from '../local/installation.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'

/**
 * Many onboardings at one moment, against a model of EC2's two buckets and of the queue. The turns, the tries and the answer to
 * the queue are the product's own code; what is modelled is AWS, and time.
 */

/** Amazon EC2, "Request throttling": RunInstances. */
const REQUESTS = { size: 5, perSecond: 2 }
const INSTANCES = { size: 1000, perSecond: 2 }
const LAUNCH_MILLISECONDS = 900
const THROTTLED_MILLISECONDS = 50

/** As lib/constructs/work-queue.ts sets them. */
const MAX_RECEIVES = 5
const VISIBILITY_SECONDS = 360

const START = new Date('2026-11-21T09:00:00.000Z')
const LIMITS_TABLE = 'vestibule-limits'

export interface LaunchRun {
  launched: number
  deadLetters: number
  /** Still throttled when their worker's time was up, and so left to the reconciler, which this model has not. */
  putOff: number
  drainSeconds: number
  /** What EC2 would have needed itself, had every call come the moment that it would be taken. */
  quotaSeconds: number
  callsPerAgent: number
  throttledShare: number
  /** How many waited in the line when the reconciler looked, once a minute, and would have been taken for lost. */
  takenForLost: number
}

const createBucket = ({ size, perSecond }: typeof REQUESTS, startAt: Date) => {
  let tokens = size
  let filledAt = startAt.getTime()
  return {
    fill: (now: Date): number => {
      tokens = Math.min(size, tokens + ((now.getTime() - filledAt) / 1000) * perSecond)
      filledAt = now.getTime()
      return tokens
    },
    take: (): void => {
      tokens -= 1
    },
  }
}

const createEc2Model = ({ clock, pause }: VirtualTime) => {
  const buckets = [createBucket(REQUESTS, START), createBucket(INSTANCES, START)]
  const seen = { calls: 0, throttled: 0 }
  const launch: LaunchInTurnDeps['instances']['launch'] = async (attempt) => {
    seen.calls += 1
    const levels = buckets.map((bucket) => bucket.fill(clock.now()))
    if (levels.some((level) => level < 1)) {
      seen.throttled += 1
      await pause(THROTTLED_MILLISECONDS)
      throw new DependencyError('ec2', 'throttled', new Error('RequestLimitExceeded'))
    }
    for (const bucket of buckets) bucket.take()
    await pause(LAUNCH_MILLISECONDS)
    return ok({
      ...{ id: 'i-0', arn: 'arn:aws:ec2', type: attempt.instanceType, zone: 'a', state: 'pending' },
      launchedAt: clock.now().toISOString(),
      securityGroupIds: [],
    })
  }
  return { seen, launch }
}

/** Lambda's pollers at one queue: so many at a time, five receives, then the dead letters. */
const drainQueue = (
  { clock, pause, start }: VirtualTime,
  messages: number,
  workers: number,
  handle: (input: unknown) => Promise<{ batchItemFailures: unknown[] }>,
) => {
  const queue = Array.from({ length: messages }, (_, index) => ({ id: String(index), visibleAt: START, receives: 0 }))
  const waiting = new Set(queue)
  const state = { waiting, deadLetters: 0 }
  const pollOnce = async (message: (typeof queue)[number]): Promise<void> => {
    if (message.receives === MAX_RECEIVES) {
      state.deadLetters += 1
      waiting.delete(message)
      return
    }
    message.receives += 1
    message.visibleAt = addSeconds(clock.now(), VISIBILITY_SECONDS)
    queue.push(message)
    const { batchItemFailures } = await handle({ Records: [{ messageId: message.id, body: `"${message.id}"` }] })
    if (batchItemFailures.length === 0) waiting.delete(message)
  }
  const poll = async (): Promise<void> => {
    for (let message = queue.shift(); message !== undefined; message = queue.shift()) {
      if (!waiting.has(message)) continue
      const early = message.visibleAt.getTime() - clock.now().getTime()
      if (early > 0) await pause(early)
      if (waiting.has(message)) await pollOnce(message)
    }
  }
  for (let worker = 0; worker < workers; worker += 1) start(poll)
  return state
}

const quotaSecondsFor = (count: number): number =>
  Math.max(0, ...[REQUESTS, INSTANCES].map(({ size, perSecond }) => (count - size) / perSecond)) +
  LAUNCH_MILLISECONDS / 1000

const createRealPace = async ({ clock, pause }: VirtualTime): Promise<LaunchPace> => {
  const { dynamo } = (await createEmbeddedAws({ directory: null, clock })).createClients()
  await createTable(dynamo, LIMITS_TABLE, TABLES.limits)
  return createLaunchPace({ dynamo, limitsTable: LIMITS_TABLE, clock, pause })
}

/** Launches `count` agents that are all requested at once, at the product's own pace where none is given. */
export const simulateLaunches = async (count: number, pace?: LaunchPace): Promise<LaunchRun> => {
  const time = createVirtualTime(START)
  const { clock } = time
  const ec2 = createEc2Model(time)
  const logger = createLogger({ write: () => undefined })
  const realPace = pace ?? (await createRealPace(time))
  const deps = { pace: realPace, instances: ec2, clock, logger }
  const agent = {
    agentId: AgentId.parse(`agt_${'0'.repeat(26)}`),
    tenantId: TenantId.parse(`ten_${'0'.repeat(26)}`),
    volumeKeyArn: 'arn:aws:kms:key',
  }
  const attempt = freezeAttempt(localLaunchSettings('https://bench.example.com'), agent, 1, START)
  const launched = new Set<unknown>()
  let putOff = 0
  let endedAt = START
  const handle = handleQueueEvent(logger, async (id) => {
    const until = addSeconds(clock.now(), LAUNCH_SECONDS.queue)
    const lineHead = START.toISOString()
    const done = await launchInTurn(deps, attempt, { until, lineHead, isWanted: async () => true })
    if (done === null) putOff += 1
    else launched.add(id)
    endedAt = clock.now()
    return ok(undefined)
  })
  const queue = drainQueue(time, count, LAUNCHES_AT_A_TIME, handle)
  let takenForLost = 0
  time.start(async () => {
    while (queue.waiting.size > 0) {
      await time.pause(60_000)
      if (START <= (await realPace.passedBy())) takenForLost += queue.waiting.size
    }
  })
  await time.run()
  return {
    launched: launched.size,
    deadLetters: queue.deadLetters,
    putOff,
    drainSeconds: (endedAt.getTime() - START.getTime()) / 1000,
    quotaSeconds: quotaSecondsFor(count),
    callsPerAgent: ec2.seen.calls / count,
    throttledShare: ec2.seen.throttled / ec2.seen.calls,
    takenForLost,
  }
}

/** For comparison: everybody asks when they like. */
export const UNPACED: LaunchPace = {
  takeTurn: async () => undefined,
  noteRefusal: async () => undefined,
  passedBy: async () => addSeconds(START, -LAUNCH_OVERDUE_SECONDS),
}

const COLUMNS = [
  'agents',
  'launched',
  'DLQ',
  'put off',
  'drain s',
  'EC2 s',
  '÷ EC2',
  'calls/agent',
  'throttled',
  'lost?',
]

const toCells = (name: string, run: LaunchRun): string[] => [
  ...[name, String(run.launched), String(run.deadLetters), String(run.putOff)],
  ...[run.drainSeconds.toFixed(1), run.quotaSeconds.toFixed(1), (run.drainSeconds / run.quotaSeconds).toFixed(3)],
  ...[run.callsPerAgent.toFixed(2), `${(run.throttledShare * 100).toFixed(1)} %`, String(run.takenForLost)],
]

/** Prints the table. */
export const printLaunchPacing = async (): Promise<void> => {
  const print = (cells: string[]) =>
    console.log(cells.map((cell, column) => (column === 0 ? cell.padEnd(16) : cell.padStart(12))).join(''))
  console.log('Launches, all requested at once (goals: DLQ 0, throttled <= 1 %, <= 1.02 calls, <= 1.05 x EC2)')
  print(COLUMNS)
  for (const count of [10, 1000, 5000]) print(toCells(String(count), await simulateLaunches(count)))
  print(toCells('1000, unpaced', await simulateLaunches(1000, UNPACED)))
}

if (import.meta.main) await printLaunchPacing()
