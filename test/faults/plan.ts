import * as z from 'zod'
import type { EmbeddedAws } from '../../local/aws/embedded-aws.ts'
import { AwsFault, type AwsCall, type CallHook, callService } from '../../local/aws/service.ts'

/** What can go wrong at every call to AWS. */
const CALL_FAULTS = [
  'crash-before',
  'crash-after',
  'fail-before',
  'fail-after',
  'lost-answer',
  'throttle',
  'deny',
  'delay',
] as const
/** What can go wrong with messages and events, at the call that sends or receives them. */
const MESSAGE_FAULTS = ['duplicate', 'reorder', 'drop-event'] as const

export const FAULTS = [...CALL_FAULTS, ...MESSAGE_FAULTS, 'stale-read'] as const
export type Fault = (typeof FAULTS)[number]

export interface PlannedFault {
  /** The call's number since the plan was armed, from 1. */
  at: number
  fault: Fault
}

/** A call of the trace, and what can go wrong at it. */
export interface TracedCall {
  name: string
  faults: readonly Fault[]
}

const Received = z.object({
  Messages: z.array(z.looseObject({ Body: z.string(), ReceiptHandle: z.string() })).default([]),
})
const ReceiveInput = z.looseObject({ QueueUrl: z.string() })
const Consistency = z.object({
  ConsistentRead: z.boolean().default(false),
  RequestItems: z.record(z.string(), z.object({ ConsistentRead: z.boolean().default(false) })).default({}),
})

/** Reads that need not see the latest write. S3 has none, and DynamoDB none that asks to see it. */
const LATE_READS: Record<string, RegExp> = {
  dynamodb: /^(?:GetItem|BatchGetItem|Query|Scan)$/,
  ec2: /^Describe/,
  kms: /^(?:Describe|List)/,
  secretsmanager: /^(?:Get|Describe|List)/,
}

const mayBeStale = ({ service, operation, input }: AwsCall): boolean => {
  if (LATE_READS[service]?.test(operation) !== true) return false
  const { ConsistentRead, RequestItems } = Consistency.parse(input)
  return !ConsistentRead && !Object.values(RequestItems).some((table) => table.ConsistentRead)
}

const messageFaultsOf = (name: string): readonly Fault[] => {
  if (name === 'sqs.SendMessage') return ['duplicate']
  return name === 'sqs.ReceiveMessage' ? MESSAGE_FAULTS : []
}

const isEmpty = (name: string, answer: unknown): boolean =>
  name === 'sqs.ReceiveMessage' && Received.parse(answer).Messages.length === 0

const THROTTLES: Record<string, string> = {
  dynamodb: 'ProvisionedThroughputExceededException',
  ec2: 'RequestLimitExceeded',
  s3: 'SlowDown',
}
const DENIALS: Record<string, string> = { ec2: 'UnauthorizedOperation', s3: 'AccessDenied' }

export const nameOf = ({ service, operation }: AwsCall): string => `${service}.${operation}`

const faultOf = (fault: Fault, { service }: AwsCall): AwsFault => {
  if (fault === 'throttle') return new AwsFault(THROTTLES[service] ?? 'ThrottlingException', 'Rate exceeded')
  if (fault === 'deny') return new AwsFault(DENIALS[service] ?? 'AccessDeniedException', 'Not authorized')
  return new AwsFault('InternalServerError', 'injected', { statusCode: 500 })
}

/** A call whose fault holds until the plan is healed: a retry of the SDK's, or of ours, meets it again. */
const STICKY: ReadonlySet<Fault> = new Set(['fail-before', 'fail-after', 'throttle', 'deny'])

const never = (): Promise<never> => new Promise(() => undefined)

/** The second copy of a message comes when what the first asked for is long done. */
const LATE_COPY_SECONDS = 90
/** How long a message that was overtaken stays behind. */
const OVERTAKEN_SECONDS = 20

/** Delivers what a queue has in another way than it was sent. */
const meetAtQueue = async (
  fault: (typeof MESSAGE_FAULTS)[number],
  call: AwsCall,
  proceed: () => Promise<unknown>,
  sqs: (operation: string, input: Record<string, unknown>) => Promise<unknown>,
): Promise<unknown> => {
  const answer = await proceed()
  if (call.operation === 'SendMessage') return fault === 'duplicate' ? proceed() : answer
  if (call.operation !== 'ReceiveMessage') return answer
  const { QueueUrl } = ReceiveInput.parse(call.input)
  const { Messages } = Received.parse(answer)
  switch (fault) {
    case 'duplicate':
      for (const { Body } of Messages)
        for (const DelaySeconds of [0, LATE_COPY_SECONDS])
          await sqs('SendMessage', { QueueUrl, MessageBody: Body, DelaySeconds })
      return answer
    case 'reorder':
      for (const { ReceiptHandle } of Messages)
        await sqs('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout: OVERTAKEN_SECONDS })
      return proceed()
    case 'drop-event': {
      const lost = Messages.filter(({ Body }) => Body.includes('"source"'))
      for (const { ReceiptHandle } of lost) await sqs('DeleteMessage', { QueueUrl, ReceiptHandle })
      return { Messages: Messages.filter((message) => !lost.includes(message)) }
    }
  }
}

interface Surroundings {
  aws: EmbeddedAws
  advanceSeconds: (seconds: number) => void
}

/** AWS as it was when the plan was armed, for reads that come too early. Only ever read. */
export type Past = () => Promise<EmbeddedAws>

/** Which fault, of those that can befall it, the call of that number meets. */
export type Choice = (at: number, possible: readonly Fault[]) => Fault | undefined

const callDirectly = ({ services }: EmbeddedAws, service: string) => {
  const known = Object.entries(services).find(([name]) => name === service)
  if (known === undefined) throw new Error(`the embedded AWS has no ${service}`)
  return callService(service, known[1], () => (_call, proceed) => proceed())
}

const InputRecord = z.record(z.string(), z.unknown())

/**
 * What stands between one instance of the app and AWS: numbers the calls and breaks those that the plan names. A crash is no
 * exception: the call never settles and nothing that this instance does afterwards reaches AWS.
 */
export const createFaultPlan = ({ aws, advanceSeconds }: Surroundings) => {
  const trace: TracedCall[] = []
  let choose: Choice = () => undefined
  let met = 0
  let broken = new Map<string, Fault>()
  let past: Past | null = null
  let isArmed = false
  let count = 0
  let dead = false
  let onDeath: () => void = () => undefined

  const die = (): Promise<never> => {
    dead = true
    onDeath()
    return never()
  }

  const meet = async (fault: Fault, call: AwsCall, proceed: () => Promise<unknown>): Promise<unknown> => {
    switch (fault) {
      case 'crash-before':
        return die()
      case 'crash-after':
        await proceed()
        return die()
      case 'delay':
        advanceSeconds(DELAY_SECONDS)
        return proceed()
      case 'stale-read':
        if (past === null) return proceed()
        return callDirectly(await past(), call.service)(call.operation, InputRecord.parse(call.input))
      case 'duplicate':
      case 'reorder':
      case 'drop-event':
        return meetAtQueue(fault, call, proceed, callDirectly(aws, 'sqs'))
      case 'fail-after':
      case 'lost-answer':
        await proceed()
        throw faultOf(fault, call)
      default:
        throw faultOf(fault, call)
    }
  }

  const hook: CallHook = async (call, proceed) => {
    if (dead) return never()
    if (!isArmed) return proceed()
    const name = nameOf(call)
    count += 1
    const traced: TracedCall = {
      name,
      faults: [
        ...CALL_FAULTS,
        ...messageFaultsOf(name),
        ...(past !== null && mayBeStale(call) ? ['stale-read' as const] : []),
      ],
    }
    trace.push(traced)
    const chosen = choose(count, traced.faults)
    const planned = chosen !== undefined && traced.faults.includes(chosen) ? chosen : undefined
    if (planned !== undefined && STICKY.has(planned)) broken.set(name, planned)
    const fault = planned ?? broken.get(name)
    if (fault === undefined) {
      const answer = await proceed()
      if (isEmpty(name, answer)) traced.faults = CALL_FAULTS
      return answer
    }
    met += 1
    return meet(fault, call, proceed)
  }

  /** From now on the fault of each call is what `choice` says; without a past no read comes too early. */
  const armEach = (choice: Choice, before: Past | null): void => {
    choose = choice
    past = before
    isArmed = true
  }

  return {
    hook,
    /** The calls since the plan was armed, by service and operation. */
    trace,
    armEach,
    arm: (faults: readonly PlannedFault[], before: Past): void =>
      armEach((at) => faults.find((fault) => fault.at === at)?.fault, before),
    /** How many calls a fault has met. */
    met: () => met,
    heal: (): void => {
      choose = () => undefined
      broken = new Map()
      isArmed = false
    },
    isDead: () => dead,
    /** Settles when the instance is dead. */
    death: new Promise<'dead'>((resolve) => {
      onDeath = () => resolve('dead')
    }),
  }
}

/** Longer than any answer should take, shorter than what is retried by itself. */
const DELAY_SECONDS = 20

export type FaultPlan = ReturnType<typeof createFaultPlan>
