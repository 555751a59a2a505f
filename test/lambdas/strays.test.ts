import { CreateAliasCommand, CreateKeyCommand } from '@aws-sdk/client-kms'
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager'
import { TransactWriteCommand } from '@aws-sdk/lib-dynamodb'
import { describe, expect, it } from 'vitest'
import { PASSING_STATE_SECONDS, STRAY_GRACE_SECONDS, STRAY_SWEEP_SECONDS } from '../../lambdas/contract/facts.ts'
import { agentSecretName } from '../../lambdas/contract/names.ts'
import { AgentId, TenantId } from '../../lambdas/contract/ids.ts'
import { TAGS } from '../../lambdas/contract/tags.ts'
import { AwsFault, type CallHook } from '../../local/aws/service.ts'
import { createHarness, CREDENTIALS, type Harness } from '../support/harness.ts'
import { sweep, sweepLater } from '../support/stray-sweeps.ts'

const BODY = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }
const NOBODY = AgentId.parse(`agt_${'0'.repeat(26)}`)
const STAGE = 'local'

const withTenant = async (options: { hook?: CallHook } = {}) => {
  const house = await createHarness(options)
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, 'ana@example.com')
  const tenantId = TenantId.parse((await ana.get('/api/session')).body.tenant.id)
  const agentId = AgentId.parse((await ana.post('/api/agents', BODY)).body.agent.id)
  await house.settle()
  return { house, ana, admin, tenantId, agentId }
}

const tagsOf = (tenantId: string, agentId: string, stage = STAGE) => ({
  [TAGS.stage]: stage,
  [TAGS.tenant]: tenantId,
  [TAGS.agent]: agentId,
})
const listed = (tags: Record<string, string>) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))

const leaveKey = async ({ clients }: Harness, tags: Record<string, string>): Promise<string> => {
  const Tags = Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue }))
  return (await clients.kms.send(new CreateKeyCommand({ Tags }))).KeyMetadata?.KeyId ?? ''
}
const leaveSecret = async ({ clients }: Harness, Name: string, tags: Record<string, string>): Promise<void> => {
  await clients.secrets.send(new CreateSecretCommand({ Name, SecretString: '{}', Tags: listed(tags) }))
}
/** A second machine like the one that is there. */
const leaveInstance = ({ aws, clock }: Harness, id: string, tags: Record<string, string>): void => {
  aws.database.run(
    `INSERT INTO ec2_instance (id, token, zone, parameters, state, type, subnet, groups, tags, user_data, launched, guest)
     SELECT ?, NULL, zone, parameters, 'stopped', type, subnet, groups, ?, user_data, ?, '' FROM ec2_instance LIMIT 1`,
    ...[id, JSON.stringify(listed(tags)), clock.now().toISOString()],
  )
}

/** The agent that the strays are tagged with is there after all, and has that machine. */
const adopt = async ({ clients, deps }: Harness, tenantId: TenantId, like: AgentId): Promise<void> => {
  const agent = await deps.agents.read(tenantId, like)
  if (agent?.instance === undefined) throw new Error('there is no agent to be like')
  const owner = { ...agent, agentId: NOBODY, instance: { ...agent.instance, id: 'i-stray' } }
  await clients.dynamo.send(new TransactWriteCommand({ TransactItems: [deps.agents.putNewStep(owner)] }))
}

/** One stray of each kind, of an agent that never was. */
const leaveOneOfEach = async (house: Harness, tenantId: TenantId) => {
  const tags = tagsOf(tenantId, NOBODY)
  const keyId = await leaveKey(house, tags)
  const secretId = agentSecretName(STAGE, tenantId, NOBODY)
  await leaveSecret(house, secretId, tags)
  leaveInstance(house, 'i-stray', tags)
  return { keyId, secretId }
}

const keyState = ({ aws }: Harness, id: string) => aws.database.get('SELECT state FROM kms_key WHERE id = ?', id)?.state
const secretEnds = ({ aws }: Harness, name: string) =>
  aws.database.get('SELECT deletion FROM sm_secret WHERE name = ?', name)?.deletion ?? null
const instanceState = ({ aws }: Harness, id: string) =>
  aws.database.get('SELECT state FROM ec2_instance WHERE id = ?', id)?.state
const marks = ({ aws }: Harness) =>
  aws.database.all("SELECT pk FROM ddb_item WHERE pk LIKE 'STRAY#%' ORDER BY pk").map(({ pk }) => String(pk))
const ended = async (ana: { get: (path: string) => Promise<{ body: any }> }) =>
  (await ana.get('/api/audit?limit=100')).body.events
    .filter(({ action }: { action: string }) => action === 'stray.ended')
    .map(({ detail, target }: any) => ({ ...detail, target }))
    .toSorted((left: any, right: any) => (left.kind < right.kind ? -1 : 1))

const stateOf = (house: Harness, keyId: string, secretId: string) => [
  keyState(house, keyId),
  secretEnds(house, secretId) === null ? 'kept' : 'ended',
  instanceState(house, 'i-stray'),
]
const UNTOUCHED = ['Enabled', 'kept', 'stopped']
const ENDED = ['PendingDeletion', 'ended', 'terminated']

describe('a stray', () => {
  it('of each kind is marked when it is old enough, ended an hour later, and told of once in its tenant’s trail', async () => {
    const { house, ana, tenantId, agentId } = await withTenant()
    await sweep(house)
    const { keyId, secretId } = await leaveOneOfEach(house, tenantId)

    await sweepLater(house)
    expect(marks(house)).toEqual(['STRAY#instance', 'STRAY#key', 'STRAY#secret'])
    expect(stateOf(house, keyId, secretId)).toEqual(UNTOUCHED)
    expect(await ended(ana)).toEqual([])

    await sweepLater(house)
    expect(stateOf(house, keyId, secretId)).toEqual(ENDED)
    expect(marks(house)).toEqual([])
    const told = [
      { kind: 'instance', id: 'i-stray', target: NOBODY },
      { kind: 'key', id: keyId, target: tenantId },
      { kind: 'secret', id: secretId, target: NOBODY },
    ]
    expect(await ended(ana)).toEqual(told)

    await sweepLater(house)
    expect(await ended(ana)).toEqual(told)
    expect((await ana.get(`/api/agents/${agentId}`)).body.agent.status).toBe('ready')
    const daysUntil = (at: unknown) => (new Date(String(at)).getTime() - house.clock.now().getTime()) / 86_400_000
    expect(daysUntil(secretEnds(house, secretId))).toBeGreaterThan(6.9)
    const { deletion } = house.aws.database.get('SELECT deletion FROM kms_key WHERE id = ?', keyId) ?? {}
    expect(daysUntil(deletion)).toBeGreaterThan(29.9)
  })

  it('is none while it is younger than the grace time, which is longer than any passing state', async () => {
    const { house, tenantId } = await withTenant()
    await sweep(house)
    house.clock.advanceSeconds(STRAY_SWEEP_SECONDS - STRAY_GRACE_SECONDS / 2)
    const { keyId, secretId } = await leaveOneOfEach(house, tenantId)
    house.clock.advanceSeconds(STRAY_GRACE_SECONDS / 2)
    await sweep(house)

    expect(marks(house)).toEqual([])
    expect(stateOf(house, keyId, secretId)).toEqual(UNTOUCHED)
    expect(STRAY_GRACE_SECONDS).toBeGreaterThanOrEqual(1800)
    expect(STRAY_GRACE_SECONDS).toBeGreaterThan(Math.max(...Object.values(PASSING_STATE_SECONDS)))
  })

  it('is left alone once it has an owner, and is one where the agent’s row names another machine', async () => {
    const { house, ana, tenantId, agentId } = await withTenant()
    await sweep(house)
    const { keyId, secretId } = await leaveOneOfEach(house, tenantId)
    leaveInstance(house, 'i-second', tagsOf(tenantId, agentId))
    await sweepLater(house)
    expect(marks(house)).toHaveLength(4)

    await house.clients.kms.send(new CreateAliasCommand({ AliasName: 'alias/by-hand', TargetKeyId: keyId }))
    await adopt(house, tenantId, agentId)
    await sweepLater(house)

    expect(stateOf(house, keyId, secretId)).toEqual(UNTOUCHED)
    expect(marks(house)).toEqual([])
    expect((await ended(ana)).map(({ id }: { id: string }) => id)).toEqual(['i-second'])
  })

  it('is asked about once more before it is ended', async () => {
    let onSecondLook = async (): Promise<void> => undefined
    const { house, ana, tenantId } = await withTenant({
      hook: async ({ operation, input }, proceed) => {
        const result = await proceed()
        if (operation === 'ListAliases' && JSON.stringify(input).includes('KeyId')) await onSecondLook()
        return result
      },
    })
    await sweep(house)
    const keyId = await leaveKey(house, tagsOf(tenantId, NOBODY))
    await sweepLater(house)
    const named = new CreateAliasCommand({ AliasName: 'alias/just-in-time', TargetKeyId: keyId })
    onSecondLook = async () => {
      onSecondLook = async () => undefined
      await house.aws.createClients().kms.send(named)
    }
    await sweepLater(house)

    expect([keyState(house, keyId), marks(house), await ended(ana)]).toEqual(['Enabled', [], []])
  })

  it('is what a deleted agent left, whatever it is', async () => {
    const { house, ana, tenantId, agentId } = await withTenant()
    await ana.del(`/api/agents/${agentId}`)
    await house.settle()
    expect((await house.deps.agents.read(tenantId, agentId))?.status).toBe('deleted')
    const secretId = agentSecretName(STAGE, tenantId, agentId)
    house.aws.database.run('UPDATE sm_secret SET deletion = NULL WHERE name = ?', secretId)
    house.aws.database.run("UPDATE ec2_instance SET state = 'running'")
    await sweep(house)
    await sweepLater(house)
    await sweepLater(house)

    expect(secretEnds(house, secretId)).not.toBeNull()
    expect(house.aws.database.all('SELECT state FROM ec2_instance')).toEqual([{ state: 'terminated' }])
    expect(await ended(ana)).toHaveLength(2)
  })
})

describe('what is not ours', () => {
  it('is not touched: another stage, no tenant, a name that does not fit its tags, a key in somebody’s hands', async () => {
    const { house, ana, tenantId, agentId } = await withTenant()
    await sweep(house)
    const other = tagsOf(tenantId, NOBODY, 'prod')
    const { [TAGS.tenant]: _, ...nobodys } = tagsOf(tenantId, NOBODY)
    const keys = [await leaveKey(house, other), await leaveKey(house, nobodys), await leaveKey(house, {})]
    const disabled = await leaveKey(house, tagsOf(tenantId, NOBODY))
    house.aws.database.run("UPDATE kms_key SET state = 'Disabled' WHERE id = ?", disabled)
    const names = [
      [agentSecretName(STAGE, tenantId, NOBODY), other],
      [`vestibule/${STAGE}/tenant/by-hand`, tagsOf(tenantId, NOBODY)],
      ['elsewhere', tagsOf(tenantId, NOBODY)],
    ] as const
    for (const [name, tags] of names) await leaveSecret(house, name, tags)
    leaveInstance(house, 'i-other', other)
    leaveInstance(house, 'i-nobody', nobodys)
    leaveInstance(house, 'i-stopped', tagsOf(tenantId, agentId))
    house.aws.database.run("UPDATE ec2_instance SET state = 'terminated' WHERE id = 'i-stopped'")
    await sweepLater(house)
    await sweepLater(house)

    expect(keys.map((id) => keyState(house, id))).toEqual(['Enabled', 'Enabled', 'Enabled'])
    expect(keyState(house, disabled)).toBe('Disabled')
    expect(names.map(([name]) => secretEnds(house, name))).toEqual([null, null, null])
    expect([instanceState(house, 'i-other'), instanceState(house, 'i-nobody')]).toEqual(['stopped', 'stopped'])
    expect([marks(house), await ended(ana)]).toEqual([[], []])
  })

  it.each(['the tenant’s row', 'the row’s list of former keys', 'a secret'])(
    'is not a key without its alias, where %s still needs it',
    async (owner) => {
      const { house, tenantId } = await withTenant()
      const { keyArn = '' } = (await house.deps.tenants.read(tenantId)) ?? {}
      house.aws.database.run('DELETE FROM kms_alias WHERE key = ?', keyArn.split('/')[1] ?? '')
      if (owner !== 'the tenant’s row') {
        const [row] = house.aws.database.all("SELECT item FROM ddb_item WHERE sk = 'TENANT'")
        const { keyArn: own, ...without } = JSON.parse(String(row?.item))
        const item = owner === 'a secret' ? without : { ...without, formerKeyArns: { L: [own] } }
        house.aws.database.run("UPDATE ddb_item SET item = ? WHERE sk = 'TENANT'", JSON.stringify(item))
        if (owner !== 'a secret') house.aws.database.run("UPDATE sm_secret SET key = ''")
      }
      await sweep(house)
      await sweepLater(house)
      await sweepLater(house)

      expect([keyState(house, keyArn.split('/')[1] ?? ''), marks(house)]).toEqual(['Enabled', []])
    },
  )
})

describe('a pass', () => {
  it('ends twenty of a kind at most, and the trouble of one keeps no other', async () => {
    let denied = 'i-0000'
    const { house, ana, tenantId } = await withTenant({
      hook: async ({ operation, input }, proceed) => {
        if (operation === 'TerminateInstances' && JSON.stringify(input).includes(denied))
          throw new AwsFault('UnauthorizedOperation', 'no', { statusCode: 403 })
        return proceed()
      },
    })
    await sweep(house)
    for (let count = 0; count < 25; count += 1)
      leaveInstance(house, `i-${String(count).padStart(4, '0')}`, tagsOf(tenantId, NOBODY))
    await sweepLater(house)
    await sweepLater(house)
    const left = () =>
      house.aws.database.all("SELECT id FROM ec2_instance WHERE state = 'stopped'").map(({ id }) => String(id))

    expect(left()).toEqual(['i-0000', 'i-0020', 'i-0021', 'i-0022', 'i-0023', 'i-0024'])
    expect(house.logs.join('')).toContain('sweeping one stray failed')
    expect(await ended(ana)).toHaveLength(19)
    denied = 'none'
    await sweepLater(house)
    expect(left()).toEqual([])
    expect(await ended(ana)).toHaveLength(25)
    expect(marks(house)).toEqual([])
  })

  it.each(['key', 'secret', 'instance'])(
    'that dies after it ended a %s is finished by a later one, with one event',
    async (kind) => {
      const acts = { key: 'ScheduleKeyDeletion', secret: 'DeleteSecret', instance: 'TerminateInstances' }
      const act = acts[kind as keyof typeof acts]
      let isDead = false
      const { house, ana, tenantId } = await withTenant({
        hook: async ({ operation }, proceed) => {
          if (isDead) throw new AwsFault('InternalServerError', 'dead', { statusCode: 500 })
          const result = await proceed()
          if (operation === act) isDead = true
          return result
        },
      })
      await sweep(house)
      const { keyId, secretId } = await leaveOneOfEach(house, tenantId)
      await sweepLater(house)
      await sweepLater(house).catch(() => undefined)
      expect(isDead).toBe(true)
      isDead = false
      expect((await ended(ana)).filter((event: { kind: string }) => event.kind === kind)).toEqual([])
      await sweepLater(house)
      await sweepLater(house)

      expect(stateOf(house, keyId, secretId)).toEqual(ENDED)
      expect((await ended(ana)).map((event: { kind: string }) => event.kind)).toEqual(['instance', 'key', 'secret'])
      expect(marks(house)).toEqual([])
    },
  )

  it('beside another one ends a stray once', async () => {
    const { house, ana, tenantId } = await withTenant()
    await sweep(house)
    await leaveOneOfEach(house, tenantId)
    await sweepLater(house)
    house.clock.advanceSeconds(STRAY_SWEEP_SECONDS)
    for (let minute = 0; minute < 3; minute += 1)
      await Promise.all([house.reconcile(), house.reconcile(), house.reconcile()])

    expect(await ended(ana)).toHaveLength(3)
    expect(marks(house)).toEqual([])
  })

  it('looks for one kind at a time, each once an hour, and for none where its agents took too long', async () => {
    let slowSeconds = 0
    const asked: string[] = []
    const { house } = await withTenant({
      hook: async ({ operation, input }, proceed) => {
        if (operation === 'Query') house.clock.advanceSeconds(slowSeconds)
        if (/^List(?:Keys|Secrets)|"MaxResults":1000/.test(operation + JSON.stringify(input))) asked.push(operation)
        return proceed()
      },
    })
    slowSeconds = 21
    await house.reconcile()
    expect(asked).toEqual([])
    slowSeconds = 0
    for (let pass = 0; pass < 59; pass += 1) {
      await house.reconcile()
      house.clock.advanceSeconds(60)
    }
    expect(asked).toEqual(['ListKeys', 'ListSecrets', 'DescribeInstances'])
    await sweepLater(house)
    expect(asked).toHaveLength(6)
  })

  it('ends nothing and says so when its time is too short to see everything', async () => {
    let isSlow = false
    const { house, tenantId } = await withTenant({
      hook: async ({ operation }, proceed) => {
        if (isSlow && operation === 'ListAliases') house.clock.advanceSeconds(50)
        return proceed()
      },
    })
    await sweep(house)
    const keyId = await leaveKey(house, tagsOf(tenantId, NOBODY))
    await sweepLater(house)
    isSlow = true
    await sweepLater(house)

    expect([keyState(house, keyId), marks(house)]).toEqual(['Enabled', ['STRAY#key']])
    expect(house.logs.join('')).toContain('strays could not all be looked for')
  })

  it('sees all of many: machines, secrets and aliases beyond one page', async () => {
    const { house, tenantId } = await withTenant()
    await sweep(house)
    const idOf = (count: number) => AgentId.parse(`agt_${String(count).padStart(26, '0')}`)
    for (let count = 0; count < 105; count += 1) {
      const tags = tagsOf(tenantId, idOf(count))
      const keyId = await leaveKey(house, tags)
      if (count < 104)
        await house.clients.kms.send(new CreateAliasCommand({ AliasName: `alias/${count}`, TargetKeyId: keyId }))
      await leaveSecret(house, agentSecretName(STAGE, tenantId, idOf(count)), tags)
    }
    for (let count = 0; count < 1005; count += 1) leaveInstance(house, `i-${count}`, tagsOf(tenantId, idOf(count)))
    await sweepLater(house)
    const marked = (kind: string) => marks(house).filter((pk) => pk === `STRAY#${kind}`).length

    // A hundred are marked in one pass; the rest in the next.
    expect([marked('key'), marked('secret'), marked('instance')]).toEqual([1, 100, 100])
    await sweepLater(house)
    expect([marked('key'), marked('secret'), marked('instance')]).toEqual([0, 85, 180])
  })
})

describe('a row whose machine is gone', () => {
  it('is noticed though EC2 has forgotten the machine, once that is silent too', async () => {
    const { house, tenantId, agentId } = await withTenant()
    const statusOf = async () => {
      const agent = await house.deps.agents.read(tenantId, agentId)
      return [agent?.status, agent?.reason?.code]
    }
    const kept = house.aws.database.get('SELECT * FROM ec2_instance')
    house.aws.database.run('DELETE FROM ec2_instance')
    house.clock.advanceSeconds(120)
    await house.reconcile()
    expect([kept === null, await statusOf()]).toEqual([false, ['ready', undefined]])

    house.clock.advanceSeconds(120)
    await house.reconcile()
    expect(await statusOf()).toEqual(['failed', 'instance_lost'])
  })
})
