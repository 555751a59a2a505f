import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { GetWebIdentityTokenCommand } from '@aws-sdk/client-sts'
import { describe, expect, it } from 'vitest'
import { proofAudience } from '../../lambdas/contract/instance.ts'
import { provisionRequestKey } from '../../lambdas/contract/names.ts'
import { createEmbeddedAws } from '../../local/aws/embedded-aws.ts'
import { AwsFault, type AwsCall, type CallHook } from '../../local/aws/service.ts'
import { ORIGIN } from '../support/browser.ts'
import { createCrash, createCrashAt } from '../support/crash.ts'
import { ADAPTERS, createHarness, CREDENTIALS, type Harness } from '../support/harness.ts'
import { listMachines, liveMachines } from '../support/machine.ts'

const BODY = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }

const withTenant = async (options: Parameters<typeof createHarness>[0] = {}) => {
  const house = await createHarness(options)
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, 'ana@example.com')
  const { tenant } = (await ana.get('/api/session')).body
  const agent = async (id: string) => (await ana.get(`/api/agents/${id}`)).body.agent
  return { house, admin, ana, tenantId: tenant.id, agent }
}

const onboard = async (ana: Awaited<ReturnType<typeof withTenant>>['ana'], body: object = BODY): Promise<string> =>
  (await ana.post('/api/agents', body)).body.agent.id

/** Reconciling without the queue, machines going on as they would: as if every event were lost. */
const reconcileFor = async (house: Harness, minutes: number) => {
  for (let minute = 0; minute < minutes; minute += 1) {
    house.clock.advanceSeconds(60)
    house.aws.machines.advance()
    await house.reconcile()
    await house.standIns()
    await house.standIns()
  }
}

const recordCalls = (): { calls: AwsCall[]; hook: CallHook } => {
  const calls: AwsCall[] = []
  return {
    calls,
    hook: (call, proceed) => {
      calls.push(call)
      return proceed()
    },
  }
}

const launchesIn = (calls: readonly AwsCall[]): RunInstancesCommandInput[] =>
  calls.filter(({ operation }) => operation === 'RunInstances').map(({ input }) => input as RunInstancesCommandInput)

describe('the launch', () => {
  it('PRV-09 is taken over by the reconciler when the worker dies with the agent in its hands', async () => {
    const crash = createCrash()
    const { house, ana, agent } = await withTenant()
    const id = await onboard(ana)
    await house.workOthers()
    const dying = await createHarness({ aws: house.aws, clock: house.clock, seed: 'dying', hook: crash.hook })
    // Its fifth call: the message is taken, the agent read, nothing launched.
    crash.arm(5, 'after')
    void dying.workLaunches()
    await expect.poll(crash.isDead, { interval: 1 }).toBe(true)
    expect(listMachines(house)).toEqual([])
    house.aws.database.run('DELETE FROM sqs_message')

    await reconcileFor(house, 15)

    expect((await agent(id)).status).toBe('ready')
    expect(liveMachines(house)).toHaveLength(1)
  })

  it('PRV-09 is taken over by the reconciler when the worker dies before it has put the agent into the line', async () => {
    const crash = createCrashAt('SendMessage', 'before')
    const { house, ana, agent } = await withTenant()
    const id = await onboard(ana)
    const dying = await createHarness({ aws: house.aws, clock: house.clock, seed: 'dying', hook: crash.hook })
    void dying.workOthers()
    await expect.poll(crash.isDead, { interval: 1 }).toBe(true)
    house.aws.database.run('DELETE FROM sqs_message')

    await reconcileFor(house, 15)

    expect((await agent(id)).status).toBe('ready')
    expect(liveMachines(house)).toHaveLength(1)
  })

  it('PRV-13 does nothing for a request that was tampered with, and says so', async () => {
    const { house, ana, tenantId } = await withTenant()
    const id = await onboard(ana)
    await house.settle()
    const [key = ''] = house.aws.database
      .all("SELECT key FROM s3_object WHERE key LIKE 'requests/launch/%'")
      .map((row) => String(row.key))
    const [row] = house.aws.database.all('SELECT body FROM s3_object WHERE key = ?', key)
    const honest = JSON.parse(Buffer.from(row?.body as Uint8Array).toString())
    const other = 'ten_0123456789abcdefghjkmnpqrs'
    const forgeries: [string, string][] = [
      [key, JSON.stringify({ ...honest, command: 'rm' })],
      [key, JSON.stringify({ ...honest, tenantId: other })],
      [key, JSON.stringify({ ...honest, agentId: '../../etc/passwd' })],
      [key, JSON.stringify({ ...honest, verb: 'delete' })],
      [key, JSON.stringify({ ...honest, pad: 'x'.repeat(5_000_000) })],
      [key, 'not JSON'],
      [key, ''],
      [provisionRequestKey('delete', tenantId, id as never, honest.requestId), JSON.stringify(honest)],
      ['requests/launch/elsewhere.json', JSON.stringify(honest)],
    ]
    const before = JSON.stringify([listMachines(house), (await ana.get('/api/agents')).body])
    const { calls, hook } = recordCalls()
    const worker = await createHarness({ aws: house.aws, clock: house.clock, seed: 'worker', hook })

    for (const [Key, Body] of forgeries) {
      await house.clients.s3.send(new PutObjectCommand({ Bucket: house.names.requestsBucket, Key, Body }))
      calls.length = 0
      while ((await worker.work()) > 0);
      const touched = calls.filter(({ service }) => service === 'ec2' || service === 'secretsmanager')
      expect([Key, Body.slice(0, 60), touched]).toEqual([Key, Body.slice(0, 60), []])
    }

    expect(worker.logs.filter((line) => line.includes('event is not usable'))).toHaveLength(forgeries.length)
    const dead = house.aws.database.all("SELECT queue FROM sqs_message WHERE queue LIKE '%dead'")
    expect(dead).toHaveLength(forgeries.length)
    expect(JSON.stringify([listMachines(house), (await ana.get('/api/agents')).body])).toBe(before)
  })

  it('EC2-02 repeats a try byte for byte though the settings changed in between', async () => {
    const { calls, hook } = recordCalls()
    let answers = false
    const { house, ana, agent } = await withTenant({
      hook: async (call, proceed) => {
        const answer = await hook(call, proceed)
        if (call.operation !== 'RunInstances' || answers) return answer
        // The launch happens, and nobody hears of it.
        throw new AwsFault('InternalError', 'lost', { statusCode: 500 })
      },
    })
    const id = await onboard(ana)
    await house.work()
    answers = true
    house.provisioning.settings = {
      ...house.provisioning.settings,
      amiId: 'ami-next',
      instanceType: 't4g.large',
      release: 'f'.repeat(64),
    }
    await reconcileFor(house, 5)

    const runs = calls.filter(({ operation }) => operation === 'RunInstances').map(({ input }) => JSON.stringify(input))
    expect(runs.length).toBeGreaterThan(1)
    expect(new Set(runs).size).toBe(1)
    expect((await agent(id)).status).toBe('ready')
    expect(listMachines(house)).toHaveLength(1)
  })

  it('EC2-03 tries anew, with another token, after the machine was terminated', async () => {
    const { calls, hook } = recordCalls()
    const { house, ana, agent } = await withTenant({ hook })
    const id = await onboard(ana)
    await house.settle()
    house.aws.database.run("UPDATE ec2_instance SET state = 'terminated'")
    await reconcileFor(house, 5)
    expect((await agent(id)).status).toBe('failed')

    expect((await ana.post(`/api/agents/${id}/retry`)).status).toBe(202)
    await house.settle()

    const tokens = launchesIn(calls).map(({ ClientToken }) => ClientToken)
    expect(tokens).toHaveLength(2)
    expect(new Set(tokens).size).toBe(2)
    expect((await agent(id)).status).toBe('ready')
    expect(liveMachines(house)).toHaveLength(1)
  })

  it('EC2-04 launches no second machine while EC2 does not show the first', async () => {
    const { calls, hook } = recordCalls()
    let hiddenUntil = Number.POSITIVE_INFINITY
    const { house, ana, agent } = await withTenant({
      hook: async (call, proceed) => {
        const answer = await hook(call, proceed)
        if (call.operation === 'RunInstances') hiddenUntil = house.clock.now().getTime() + 60_000
        const isHidden = call.operation === 'DescribeInstances' && house.clock.now().getTime() < hiddenUntil
        return isHidden ? { Reservations: [] } : answer
      },
    })
    const id = await onboard(ana)

    for (let round = 0; round < 40; round += 1) {
      await house.settle(3)
      await house.reconcile()
    }

    expect(calls.filter(({ operation }) => operation === 'RunInstances')).toHaveLength(1)
    expect((await agent(id)).status).toBe('ready')
    expect(listMachines(house)).toHaveLength(1)
  })

  it('EC2-05 leaves no machine behind when it dies before it has written one down', async () => {
    const crash = createCrashAt('RunInstances', 'after')
    const { house, ana, agent } = await withTenant()
    const id = await onboard(ana)
    const dying = await createHarness({ aws: house.aws, clock: house.clock, seed: 'dying', hook: crash.hook })
    void dying.work()
    await expect.poll(crash.isDead, { interval: 1 }).toBe(true)
    expect([(await agent(id)).status, listMachines(house).length]).toEqual(['launching', 1])
    house.aws.database.run('DELETE FROM sqs_message')

    await reconcileFor(house, 15)

    expect((await agent(id)).status).toBe('ready')
    expect(liveMachines(house).map((machine) => machine.id)).toEqual([(await agent(id)).instance.id])
  })

  it('EC2-06 spares whatever is not its own, and what is only slow', async () => {
    const { house, ana, agent } = await withTenant()
    const id = await onboard(ana)
    await house.settle()
    const [own] = house.aws.database.all('SELECT * FROM ec2_instance')
    const tags: { Key: string; Value: string }[] = JSON.parse(String(own?.tags))
    const foreign = {
      'i-otherstage': tags.map((tag) => (tag.Key.includes('stage') ? { ...tag, Value: 'prod' } : tag)),
      'i-similar': tags.map((tag) => ({ ...tag, Key: tag.Key.replace('vestibule', 'vestibul') })),
      'i-plain': [],
    }
    for (const [foreignId, foreignTags] of Object.entries(foreign)) {
      const copy = { ...own, id: foreignId, token: null, tags: JSON.stringify(foreignTags) }
      house.aws.database.run(
        `INSERT INTO ec2_instance (${Object.keys(copy).join(', ')}) VALUES (${Object.keys(copy)
          .map(() => '?')
          .join(', ')})`,
        ...Object.values(copy),
      )
    }
    // A busy agent: its machine says nothing for a quarter of an hour.
    for (let minute = 0; minute < 15; minute += 1) {
      house.clock.advanceSeconds(60)
      await house.reconcile()
    }
    const next = await onboard(ana, { ...BODY, name: 'Still launching' })
    await house.work()
    await house.reconcile()

    expect(listMachines(house).filter(({ state }) => state === 'running' || state === 'pending')).toHaveLength(5)
    expect((await agent(id)).status).toBe('ready')
    expect(['launching', 'booting']).toContain((await agent(next)).status)
    await ana.del(`/api/agents/${id}`)
    await house.settle()
    expect(
      listMachines(house)
        .filter(({ id: machineId }) => machineId in foreign)
        .map(({ state }) => state),
    ).toEqual(['running', 'running', 'running'])
  })

  it('EC2-10 asks for IMDSv2, one hop, an encrypted volume, tags at creation, no key pair and no public address', async () => {
    const { calls, hook } = recordCalls()
    const { house, ana } = await withTenant({ hook })
    await onboard(ana)
    await onboard(ana, { ...BODY, name: 'B', supportAccess: false })
    await house.settle()

    const runs = launchesIn(calls)
    expect(runs).toHaveLength(2)
    for (const run of runs) {
      expect(run.MetadataOptions).toEqual({
        HttpTokens: 'required',
        HttpPutResponseHopLimit: 1,
        HttpEndpoint: 'enabled',
      })
      expect(run.BlockDeviceMappings?.map(({ Ebs }) => [Ebs?.Encrypted, typeof Ebs?.KmsKeyId])).toEqual([
        [true, 'string'],
      ])
      expect(run.TagSpecifications?.map(({ ResourceType }) => ResourceType)).toEqual(['instance', 'volume'])
      // Addresses follow the subnet, which gives none that the template does not know.
      for (const name of ['KeyName', 'NetworkInterfaces', 'IamInstanceProfile'] as const)
        expect(run[name]).toBeUndefined()
      expect([run.MinCount, run.MaxCount]).toEqual([1, 1])
    }
  })
})

describe.each(ADAPTERS)('a machine that proves itself over %s', (adapter) => {
  it('EC2-12 is turned away with a forged, foreign, old, repeated or missing proof, and told nothing', async () => {
    const { house, ana } = await withTenant({ adapter })
    await onboard(ana)
    await house.settle()
    const [machine] = house.aws.machines.listRunning()
    const prove = async (aws: Harness['aws'], audience = proofAudience(ORIGIN), arn = machine?.arn ?? '') => {
      const command = new GetWebIdentityTokenCommand({ Audience: [audience], SigningAlgorithm: 'ES384' })
      return (await aws.createStsClientOf(arn).send(command)).WebIdentityToken ?? ''
    }
    const foreign = await createEmbeddedAws({ directory: null, clock: house.clock })
    const good = await prove(house.aws)
    const [header = '', claims = '', signature = ''] = good.split('.')
    const as = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
    const old = await prove(house.aws)
    const answers = await Promise.all(
      [
        `${header}.${claims}.${signature.slice(0, -4)}AAAA`,
        `${header}.${as({ ...read(claims), 'https://sts.amazonaws.com/': { ec2_source_instance_arn: 'arn:x/i-1' } })}.${signature}`,
        `${as({ alg: 'none' })}.${claims}.`,
        `${as({ ...read(header), alg: 'HS256' })}.${claims}.${signature}`,
        `${as({ ...read(header), jwk: { kty: 'EC' } })}.${claims}.${signature}`,
        await prove(foreign),
        await prove(house.aws, 'sts.amazonaws.com'),
        'not a token',
      ].map((proof) => house.browse().post('/api/agent/enroll', { proof })),
    )
    house.clock.advanceSeconds(301)
    answers.push(await house.browse().post('/api/agent/heartbeat', { proof: old, runtimeHash: 'a'.repeat(64) }))

    for (const { status, body } of answers) {
      expect([status, body.error.code]).toEqual([401, 'unauthenticated'])
      expect(Object.keys(body.error).toSorted()).toEqual(['code', 'message', 'requestId'])
    }
    expect((await house.browse().post('/api/agent/enroll', {})).status).toBe(400)
    const unknown = await prove(house.aws, proofAudience(ORIGIN), 'arn:aws:ec2:eu-central-1:000000000000:instance/i-0')
    expect((await house.browse().post('/api/agent/enroll', { proof: unknown })).status).toBe(403)
    const fresh = await prove(house.aws)
    const beat = () => house.browse().post('/api/agent/heartbeat', { proof: fresh, runtimeHash: 'a'.repeat(64) })
    expect([(await beat()).status, (await beat()).status]).toEqual([200, 403])
    foreign.close()
  })
})

describe('clocks that differ', () => {
  it('CLK-04 does not flap between instances whose clocks are ten minutes apart', async () => {
    const { house, ana, agent, admin } = await withTenant()
    const clockOf = (seconds: number) => ({
      now: () => new Date(house.clock.now().getTime() + seconds * 1000),
      advanceSeconds: house.clock.advanceSeconds,
    })
    const early = await createHarness({ aws: house.aws, clock: clockOf(-300), seed: 'early' })
    const late = await createHarness({ aws: house.aws, clock: clockOf(300), seed: 'late' })
    const id = await onboard(ana)
    for (let round = 0; round < 30; round += 1) {
      await house.settle(2)
      await early.reconcile()
      await late.reconcile()
    }

    const { status, timeline } = await agent(id)
    expect(status).toBe('ready')
    expect(timeline.map((step: { status: string }) => step.status)).toEqual([
      'requested',
      'launching',
      'booting',
      'ready',
    ])
    expect(liveMachines(house)).toHaveLength(1)
    const { code } = await house.invite(admin, { email: 'new@example.com', expiresInHours: 1 })
    house.clock.advanceSeconds(3_600 - 301)
    for (const one of [early, house, late])
      expect((await one.browse().post('/api/invites/inspect', { invite: code })).body.state).toBe('pending')
    house.clock.advanceSeconds(602)
    for (const one of [early, house, late])
      expect((await one.browse().post('/api/invites/inspect', { invite: code })).body.state).toBe('expired')
  })
})
