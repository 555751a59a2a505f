import { AwsFault, type AwsCall, type CallHook } from '../../local/aws/service.ts'

/** What can go wrong at one call to AWS. */
export const FAULTS = [
  'crash-before',
  'crash-after',
  'fail-before',
  'fail-after',
  'lost-answer',
  'throttle',
  'deny',
  'delay',
] as const
export type Fault = (typeof FAULTS)[number]

export interface PlannedFault {
  /** The call's number since the plan was armed, from 1. */
  at: number
  fault: Fault
}

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

/**
 * What stands between one instance of the app and AWS: numbers the calls and breaks those that the plan names. A crash is no
 * exception: the call never settles and nothing that this instance does afterwards reaches AWS.
 */
export const createFaultPlan = (advanceSeconds: (seconds: number) => void) => {
  const trace: string[] = []
  let choose: (at: number) => Fault | undefined = () => undefined
  let met = 0
  let broken = new Map<string, Fault>()
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
    trace.push(name)
    const planned = choose(count)
    if (planned !== undefined && STICKY.has(planned)) broken.set(name, planned)
    const fault = planned ?? broken.get(name)
    if (fault === undefined) return proceed()
    met += 1
    return meet(fault, call, proceed)
  }

  /** From now on the fault of each call is what `choice` says of its number. */
  const armEach = (choice: (at: number) => Fault | undefined): void => {
    choose = choice
    isArmed = true
  }

  return {
    hook,
    /** The calls since the plan was armed, by service and operation. */
    trace,
    armEach,
    arm: (faults: readonly PlannedFault[]): void => armEach((at) => faults.find((fault) => fault.at === at)?.fault),
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
