import {
  type _InstanceType,
  DescribeInstancesCommand,
  type EC2Client,
  type Instance,
  ModifyInstanceAttributeCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { awsErrorName, callAws, DependencyError, tryAws } from '../aws/errors.aws.ts'
import { AGENT_VOLUME_GIGABYTES } from '../contract/facts.ts'
import { AgentId, TenantId } from '../contract/ids.ts'
import { TAGS } from '../contract/tags.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { LaunchAttempt } from './launch-attempt.ts'

export type InstanceState = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated'

export interface ObservedInstance {
  id: string
  arn: string
  type: string
  zone: string
  state: InstanceState
  launchedAt: string
  securityGroupIds: string[]
}

/** A machine that still exists and carries our tags. */
export interface TaggedInstance {
  id: string
  tenantId: TenantId
  agentId: AgentId
  /** When it was last started: it is at least as old as that. */
  madeAt: Date
}

export type LaunchFailure = { reason: 'no_capacity' | 'attempt_spent' | 'launch_refused'; awsCode: string }

const NO_CAPACITY = [
  'InsufficientInstanceCapacity',
  'InsufficientHostCapacity',
  'InsufficientAddressCapacity',
  'InsufficientFreeAddressesInSubnet',
  // The zone does not have machines of this type: another may.
  'Unsupported',
]
const SPENT = ['IdempotentInstanceTerminated', 'IdempotentParameterMismatch']
const REFUSED = [
  'VcpuLimitExceeded',
  'InstanceLimitExceeded',
  'InvalidParameterValue',
  'InvalidAMIID.NotFound',
  'InvalidSubnetID.NotFound',
  'UnauthorizedOperation',
  'OptInRequired',
]

/** EC2 has no code of its own for a profile that IAM has made and EC2 does not see yet: only its words tell. */
const PROFILE_NOT_SEEN_YET = /iam ?instance ?profile/i

const INSTANCES_PER_PAGE = 1_000

/** The root device of Amazon Linux 2023 and of Debian on EC2. */
const ROOT_DEVICE = '/dev/xvda'

/** Which types exist is for EC2 to say; the SDK's list is as old as the SDK. */
const isInstanceType = (text: string): text is _InstanceType => text !== ''

const STATES: readonly InstanceState[] = ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated']

/** Launches, watches and ends the agents' machines. Nothing here decides; it says what EC2 said. */
export const createInstances = (deps: {
  ec2: EC2Client
  launcher: EC2Client
  region: string
  accountId: string
  stage: string
}) => {
  const { ec2, launcher, region, accountId, stage } = deps

  const toObserved = (instance: Instance): ObservedInstance => {
    const id = instance.InstanceId ?? ''
    return {
      id,
      arn: `arn:aws:ec2:${region}:${accountId}:instance/${id}`,
      type: instance.InstanceType ?? 'unknown',
      zone: instance.Placement?.AvailabilityZone ?? 'unknown',
      state: STATES.find((state) => state === instance.State?.Name) ?? 'pending',
      launchedAt: (instance.LaunchTime ?? new Date(0)).toISOString(),
      securityGroupIds: (instance.SecurityGroups ?? []).map(({ GroupId }) => GroupId ?? ''),
    }
  }

  const pages = async function* (filters: Record<string, string>, MaxResults?: number): AsyncGenerator<Instance[]> {
    let NextToken: string | undefined
    do {
      const page = await callAws('ec2', () =>
        ec2.send(
          new DescribeInstancesCommand({
            Filters: Object.entries(filters).map(([Name, value]) => ({ Name, Values: [value] })),
            MaxResults,
            NextToken,
          }),
        ),
      )
      yield (page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances)
      NextToken = page.NextToken
    } while (NextToken !== undefined)
  }

  const describe = async (filters: Record<string, string>): Promise<ObservedInstance[]> => {
    const found: ObservedInstance[] = []
    for await (const page of pages(filters)) found.push(...page.map(toObserved))
    return found
  }

  /** Nothing for a machine that is going, or whose tags do not say whose it is. */
  const toTagged = ({ InstanceId: id, State, Tags = [], LaunchTime }: Instance): TaggedInstance[] => {
    const tagOf = (key: string) => Tags.find(({ Key }) => Key === key)?.Value
    const tenantId = TenantId.safeParse(tagOf(TAGS.tenant)).data
    const agentId = AgentId.safeParse(tagOf(TAGS.agent)).data
    if (id === undefined || tenantId === undefined || agentId === undefined || LaunchTime === undefined) return []
    return State?.Name === 'terminated' || State?.Name === 'shutting-down'
      ? []
      : [{ id, tenantId, agentId, madeAt: LaunchTime }]
  }

  const gone = ['InvalidInstanceID.NotFound'] as const

  return {
    /** Asks for one machine, once. A success means "accepted": only the machine's own word makes the agent ready. */
    launch: async (attempt: LaunchAttempt): Promise<Result<ObservedInstance, LaunchFailure>> => {
      const tags = [
        { Key: 'Name', Value: attempt.agentId },
        { Key: TAGS.stage, Value: stage },
        { Key: TAGS.tenant, Value: attempt.tenantId },
        { Key: TAGS.agent, Value: attempt.agentId },
        { Key: TAGS.attempt, Value: String(attempt.attempt) },
      ]
      const run = await tryAws('ec2', [...NO_CAPACITY, ...SPENT, ...REFUSED], () =>
        launcher.send(
          new RunInstancesCommand({
            ClientToken: attempt.clientToken,
            LaunchTemplate: { LaunchTemplateId: attempt.launchTemplateId, Version: '$Default' },
            ImageId: attempt.amiId,
            InstanceType: isInstanceType(attempt.instanceType) ? attempt.instanceType : undefined,
            MinCount: 1,
            MaxCount: 1,
            SubnetId: attempt.subnetId,
            SecurityGroupIds: attempt.securityGroupIds,
            BlockDeviceMappings: [
              {
                DeviceName: ROOT_DEVICE,
                Ebs: {
                  Encrypted: true,
                  KmsKeyId: attempt.volumeKeyArn,
                  VolumeType: 'gp3',
                  VolumeSize: AGENT_VOLUME_GIGABYTES,
                  DeleteOnTermination: true,
                },
              },
            ],
            UserData: Buffer.from(attempt.userData).toString('base64'),
            MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, HttpEndpoint: 'enabled' },
            TagSpecifications: [
              { ResourceType: 'instance', Tags: tags },
              { ResourceType: 'volume', Tags: tags },
            ],
          }),
        ),
      )
      if (run.ok) {
        const [instance] = run.value.Instances ?? []
        return instance === undefined
          ? fail({ reason: 'launch_refused', awsCode: 'empty answer' })
          : ok(toObserved(instance))
      }
      const { cause } = run.failure
      const awsCode = awsErrorName(cause)
      if (awsCode === 'InvalidParameterValue' && cause instanceof Error && PROFILE_NOT_SEEN_YET.test(cause.message))
        throw new DependencyError('ec2', 'unavailable', cause)
      if (NO_CAPACITY.includes(awsCode)) return fail({ reason: 'no_capacity', awsCode })
      return fail({ reason: SPENT.includes(awsCode) ? 'attempt_spent' : 'launch_refused', awsCode })
    },

    /** Null when EC2 does not know the id, which right after a launch proves nothing. */
    observe: async (instanceId: string): Promise<ObservedInstance | null> => {
      const [instance] = await describe({ 'instance-id': instanceId })
      return instance ?? null
    },

    /** Every machine of an agent that still exists, by our own tags. */
    listLive: async (agentId: AgentId): Promise<ObservedInstance[]> => {
      const all = await describe({ [`tag:${TAGS.agent}`]: agentId, [`tag:${TAGS.stage}`]: stage })
      return all.filter((instance) => instance.state !== 'terminated')
    },

    /** Every machine of the stage that is not going, of whatever agent, a page at a time. */
    listTagged: async function* (): AsyncGenerator<TaggedInstance[]> {
      for await (const page of pages({ [`tag:${TAGS.stage}`]: stage }, INSTANCES_PER_PAGE)) yield page.flatMap(toTagged)
    },

    findByClientToken: async (clientToken: string): Promise<ObservedInstance | null> => {
      const [instance] = await describe({ 'client-token': clientToken })
      return instance ?? null
    },

    stop: async (instanceId: string): Promise<void> => {
      await tryAws('ec2', [...gone, 'IncorrectInstanceState'], () =>
        ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId] })),
      )
    },

    /** False when it cannot be started now: it is gone, or not down yet. */
    start: async (instanceId: string): Promise<boolean> => {
      const started = await tryAws('ec2', [...gone, 'IncorrectInstanceState'], () =>
        ec2.send(new StartInstancesCommand({ InstanceIds: [instanceId] })),
      )
      return started.ok
    },

    terminate: async (instanceId: string): Promise<void> => {
      await tryAws('ec2', gone, () => ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] })))
    },

    /** False when the machine is gone or going, so that it has no groups to set. */
    setSecurityGroups: async (instanceId: string, groupIds: string[]): Promise<boolean> => {
      const set = await tryAws('ec2', [...gone, 'IncorrectInstanceState'], () =>
        ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: instanceId, Groups: groupIds })),
      )
      return set.ok
    },
  }
}

export type Instances = ReturnType<typeof createInstances>
