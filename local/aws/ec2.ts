import * as z from 'zod'
import type { Clock } from '../../lambdas/core/clock.ts'
import type { Random } from '../../lambdas/core/random.ts'
import { sha256Hex } from '../../lambdas/core/digest.ts'
import { type Database, textOf } from './database.ts'
import type { Queues } from './queues.ts'
import { AwsFault, type Service } from './service.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS ec2_instance (
    id TEXT PRIMARY KEY, token TEXT, zone TEXT NOT NULL, parameters TEXT NOT NULL, state TEXT NOT NULL, changes_at INTEGER,
    type TEXT NOT NULL, subnet TEXT NOT NULL, groups TEXT NOT NULL, tags TEXT NOT NULL, user_data TEXT NOT NULL,
    launched TEXT NOT NULL, guest TEXT NOT NULL) WITHOUT ROWID;
  CREATE UNIQUE INDEX IF NOT EXISTS ec2_token ON ec2_instance (token, zone) WHERE token IS NOT NULL;
`

const Tag = z.object({ Key: z.string(), Value: z.string() })
const RunInput = z.object({
  ClientToken: z.string().max(64).optional(),
  LaunchTemplate: z.object({ LaunchTemplateId: z.string(), Version: z.string() }),
  ImageId: z.string().regex(/^ami-/),
  InstanceType: z.string(),
  MinCount: z.literal(1),
  MaxCount: z.literal(1),
  SubnetId: z.string(),
  SecurityGroupIds: z.array(z.string()).min(1),
  UserData: z.base64(),
  BlockDeviceMappings: z
    .array(
      z.object({
        DeviceName: z.string(),
        Ebs: z.object({
          Encrypted: z.literal(true),
          KmsKeyId: z.string(),
          VolumeType: z.literal('gp3'),
          VolumeSize: z.int(),
          DeleteOnTermination: z.literal(true),
        }),
      }),
    )
    .length(1),
  MetadataOptions: z.object({
    HttpTokens: z.literal('required'),
    HttpPutResponseHopLimit: z.literal(1),
    HttpEndpoint: z.string(),
  }),
  TagSpecifications: z.array(z.object({ ResourceType: z.enum(['instance', 'volume']), Tags: z.array(Tag) })),
})
const IdsInput = z.object({ InstanceIds: z.array(z.string()).min(1) })
const DescribeInput = z.object({
  Filters: z.array(z.object({ Name: z.string(), Values: z.array(z.string()) })).optional(),
  MaxResults: z.int().min(5).max(1000).optional(),
  NextToken: z.string().optional(),
})
const ModifyInput = z.object({ InstanceId: z.string(), Groups: z.array(z.string()).min(1) })

const USER_DATA_MAX_BYTES = 16 * 1024

/** How long a machine takes to get from one state to the next here; on AWS it is some ten times longer. */
const NEXT_STATE: Record<string, { state: string; afterMilliseconds: number }> = {
  pending: { state: 'running', afterMilliseconds: 600 },
  stopping: { state: 'stopped', afterMilliseconds: 500 },
  'shutting-down': { state: 'terminated', afterMilliseconds: 500 },
}

export interface EmbeddedInstance {
  id: string
  arn: string
  userData: string
  /** What the machine has on its own disk: the stand-in's memory across restarts. */
  guest: string
}

/** Machines as records: EC2's launch idempotency, states and events. Nothing runs; the stand-ins play what would. */
export const createEc2 = (
  database: Database,
  clock: Clock,
  queues: Queues,
  place: {
    region: string
    accountId: string
    subnets: Readonly<Record<string, string>>
    instanceType: string
    random: Random
  },
) => {
  database.define(SCHEMA)

  const find = (id: string) => {
    const row = database.get('SELECT * FROM ec2_instance WHERE id = ?', id)
    if (row === null) throw new AwsFault('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`)
    return row
  }

  const setState = (id: string, state: string): void => {
    const next = NEXT_STATE[state]
    const changesAt = next === undefined ? null : clock.now().getTime() + next.afterMilliseconds
    database.run('UPDATE ec2_instance SET state = ?, changes_at = ? WHERE id = ?', state, changesAt, id)
    queues.publish('aws.ec2', 'EC2 Instance State-change Notification', { 'instance-id': id, state })
  }

  const toInstance = (row: ReturnType<typeof find>) => ({
    InstanceId: textOf(row, 'id'),
    InstanceType: textOf(row, 'type'),
    SubnetId: textOf(row, 'subnet'),
    ClientToken: textOf(row, 'token'),
    State: { Name: textOf(row, 'state') },
    Placement: { AvailabilityZone: textOf(row, 'zone') },
    LaunchTime: new Date(textOf(row, 'launched')),
    SecurityGroups: z
      .array(z.string())
      .parse(JSON.parse(textOf(row, 'groups')))
      .map((GroupId) => ({ GroupId })),
    Tags: z.array(Tag).parse(JSON.parse(textOf(row, 'tags'))),
  })

  const run = (raw: unknown) => {
    const input = RunInput.parse(raw)
    const zone = place.subnets[input.SubnetId]
    if (zone === undefined)
      throw new AwsFault('InvalidSubnetID.NotFound', `The subnet ID '${input.SubnetId}' does not exist`)
    if (Buffer.from(input.UserData, 'base64').length > USER_DATA_MAX_BYTES)
      throw new AwsFault('InvalidParameterValue', 'User data is limited to 16384 bytes')
    const parameters = sha256Hex(JSON.stringify(input))
    const known =
      input.ClientToken === undefined
        ? null
        : database.get('SELECT * FROM ec2_instance WHERE token = ? AND zone = ?', input.ClientToken, zone)
    if (known !== null) {
      if (textOf(known, 'parameters') !== parameters)
        throw new AwsFault('IdempotentParameterMismatch', 'The client token was used with other parameters')
      if (textOf(known, 'state') === 'terminated')
        throw new AwsFault('IdempotentInstanceTerminated', 'The instance of this client token is terminated')
      return { Instances: [toInstance(known)] }
    }
    const id = `i-${place.random.bytes(9).toString('hex').slice(0, 17)}`
    const tags = input.TagSpecifications.find(({ ResourceType }) => ResourceType === 'instance')?.Tags ?? []
    database.run(
      `INSERT INTO ec2_instance (id, token, zone, parameters, state, type, subnet, groups, tags, user_data, launched, guest)
       VALUES (?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?, ?, '')`,
      ...[id, input.ClientToken ?? null, zone, parameters, input.InstanceType, input.SubnetId],
      ...[JSON.stringify(input.SecurityGroupIds), JSON.stringify(tags), input.UserData, clock.now().toISOString()],
    )
    setState(id, 'pending')
    return { Instances: [toInstance(find(id))] }
  }

  const matches = (instance: ReturnType<typeof toInstance>, name: string, values: readonly string[]): boolean => {
    if (name === 'instance-id') return values.includes(instance.InstanceId)
    if (name === 'client-token') return values.includes(instance.ClientToken)
    if (name.startsWith('tag:'))
      return instance.Tags.some((tag) => tag.Key === name.slice(4) && values.includes(tag.Value))
    throw new AwsFault('InvalidParameterValue', `The filter '${name}' is invalid`)
  }

  const changeState = (raw: unknown, from: readonly string[], to: string, settled: readonly string[]) => {
    const { InstanceIds } = IdsInput.parse(raw)
    for (const id of InstanceIds) {
      const state = textOf(find(id), 'state')
      if (settled.includes(state)) continue
      if (!from.includes(state))
        throw new AwsFault(
          'IncorrectInstanceState',
          `The instance '${id}' is not in a state from which it can be ${to}`,
        )
      setState(id, to)
    }
    return {}
  }

  const service: Service = {
    RunInstances: (raw) => database.transaction(() => run(raw)),
    DescribeInstances: (raw) => {
      const { Filters = [], MaxResults = Number.POSITIVE_INFINITY, NextToken = '' } = DescribeInput.parse(raw)
      const byId = Filters.find(({ Name }) => Name === 'instance-id')?.Values[0]
      const rows =
        byId === undefined
          ? database.all('SELECT * FROM ec2_instance ORDER BY id')
          : database.all('SELECT * FROM ec2_instance WHERE id = ?', byId)
      const found = rows
        .map(toInstance)
        .filter(({ InstanceId }) => InstanceId > NextToken)
        .filter((instance) => Filters.every(({ Name, Values }) => matches(instance, Name, Values)))
      const page = found.slice(0, MaxResults)
      return {
        Reservations: page.map((instance) => ({ Instances: [instance] })),
        NextToken: page.length < found.length ? page.at(-1)?.InstanceId : undefined,
      }
    },
    StopInstances: (raw) => changeState(raw, ['running', 'pending'], 'stopping', ['stopping', 'stopped']),
    StartInstances: (raw) => changeState(raw, ['stopped'], 'pending', ['pending', 'running']),
    TerminateInstances: (raw) =>
      changeState(raw, ['pending', 'running', 'stopping', 'stopped'], 'shutting-down', ['shutting-down', 'terminated']),
    ModifyInstanceAttribute: (raw) => {
      const input = ModifyInput.parse(raw)
      const state = textOf(find(input.InstanceId), 'state')
      if (state === 'terminated' || state === 'shutting-down') {
        throw new AwsFault(
          'IncorrectInstanceState',
          `The instance '${input.InstanceId}' is not in a state to be modified`,
        )
      }
      database.run('UPDATE ec2_instance SET groups = ? WHERE id = ?', JSON.stringify(input.Groups), input.InstanceId)
      return {}
    },
  }

  return {
    service,
    /** Lets time pass for the machines: what is due changes its state and says so. */
    advance: (): void => {
      for (const row of database.all(
        'SELECT id, state FROM ec2_instance WHERE changes_at IS NOT NULL AND changes_at <= ?',
        clock.now().getTime(),
      )) {
        const next = NEXT_STATE[textOf(row, 'state')]
        if (next !== undefined) database.transaction(() => setState(textOf(row, 'id'), next.state))
      }
    },
    listRunning: (): EmbeddedInstance[] =>
      database.all("SELECT * FROM ec2_instance WHERE state = 'running'").map((row) => ({
        id: textOf(row, 'id'),
        arn: `arn:aws:ec2:${place.region}:${place.accountId}:instance/${textOf(row, 'id')}`,
        userData: Buffer.from(textOf(row, 'user_data'), 'base64').toString(),
        guest: textOf(row, 'guest'),
      })),
    rememberGuest: (id: string, guest: string): void => {
      database.run('UPDATE ec2_instance SET guest = ? WHERE id = ?', guest, id)
    },
  }
}

export type Ec2 = ReturnType<typeof createEc2>
