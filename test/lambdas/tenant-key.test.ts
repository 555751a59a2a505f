import { CreateKeyCommand, RotateKeyOnDemandCommand, UpdateAliasCommand } from '@aws-sdk/client-kms'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { describe, expect, it } from 'vitest'
import { KEY_REPLACEMENT_SECONDS } from '../../lambdas/contract/facts.ts'
import { AgentId, TenantId } from '../../lambdas/contract/ids.ts'
import { agentSecretName, tenantKeyAlias } from '../../lambdas/contract/names.ts'
import { makeTenantKey } from '../../lambdas/credentials/tenant-keys.aws.ts'
import { AwsFault, type CallHook } from '../../local/aws/service.ts'
import type { Browser } from '../support/browser.ts'
import { createHarness, CREDENTIALS, type Harness } from '../support/harness.ts'
import { operatorOf } from '../support/operator.ts'
import { sweep, sweepLater } from '../support/stray-sweeps.ts'

const STAGE = 'local'
const { claudeCodeToken, githubToken, slackBotToken, slackAppToken } = CREDENTIALS

const onboard = async (ana: Browser, name: string): Promise<AgentId> =>
  AgentId.parse((await ana.post('/api/agents', { name, credentials: { claudeCodeToken } })).body.agent.id)

const withAgents = async (...names: string[]) => {
  const volumeKeys: string[] = []
  const house = await createHarness({
    hook: async ({ operation, input }, proceed) => {
      if (operation === 'RunInstances') volumeKeys.push((input as any).BlockDeviceMappings[0].Ebs.KmsKeyId)
      return proceed()
    },
  })
  const ana = await house.join(await house.joinAsAdmin(), 'ana@example.com')
  const tenantId = TenantId.parse((await ana.get('/api/session')).body.tenant.id)
  const agentIds: AgentId[] = []
  for (const name of names) agentIds.push(await onboard(ana, name))
  house.clock.advanceSeconds(1)
  const secretIds = agentIds.map((agentId) => agentSecretName(STAGE, tenantId, agentId))
  return { house, ana, tenantId, agentIds, secretIds, volumeKeys, operator: operatorOf(house) }
}

const keyOf = async ({ deps }: Harness, tenantId: TenantId): Promise<string> =>
  (await deps.tenants.read(tenantId))?.keyArn ?? ''

const idOf = (arn: string): string => arn.split('/')[1] ?? ''

const readSecret = async ({ clients }: Harness, SecretId: string, VersionStage = 'AWSCURRENT') =>
  JSON.parse((await clients.secrets.send(new GetSecretValueCommand({ SecretId, VersionStage }))).SecretString ?? '')
    .credentials

/** The key and the number of its material that a version lies under, as its ciphertext says. */
const sealerOf = ({ aws }: Harness, secretId: string, stage = 'AWSCURRENT'): string[] => {
  const row = aws.database.get('SELECT sealed FROM sm_version WHERE secret = ? AND stage = ?', secretId, stage)
  return /([\w-]{36}) (\d+)\n/.exec(Buffer.from(row?.sealed as Uint8Array).toString('latin1'))?.slice(1) ?? []
}

const tenantKeys = ({ aws }: Harness, tenantId: TenantId, state = 'Enabled'): string[] =>
  aws.database
    .all('SELECT arn FROM kms_key WHERE state = ? AND tags LIKE ? ORDER BY created', state, `%${tenantId}%`)
    .map(({ arn }) => String(arn))

const aliased = ({ aws }: Harness, tenantId: TenantId) =>
  aws.database.get('SELECT key FROM kms_alias WHERE name = ?', tenantKeyAlias(STAGE, tenantId))?.key

const told = async ({ deps }: Harness, tenantId: TenantId) =>
  (await deps.audit.list(tenantId, { limit: 100 })).items
    .filter(({ action }) => action === 'tenant.key_replaced')
    .map(({ actor, target, detail }) => ({ actor: actor.id, target, ...detail }))

describe('new material of a tenant’s key', () => {
  it('CLK-07 leaves what was stored before readable, and merges go on', async () => {
    const { house, ana, tenantId, agentIds, secretIds } = await withAgents('A')
    await house.settle()
    const [secretId = '', agentId = ''] = [...secretIds, ...agentIds]
    const keyArn = await keyOf(house, tenantId)

    await house.clients.kms.send(new RotateKeyOnDemandCommand({ KeyId: keyArn }))

    expect(await readSecret(house, secretId)).toEqual({ claudeCodeToken })
    expect((await ana.patch(`/api/agents/${agentId}/credentials`, { githubToken })).status).toBe(200)
    expect(await readSecret(house, secretId)).toEqual({ claudeCodeToken, githubToken })
    expect(await readSecret(house, secretId, 'AWSPREVIOUS')).toEqual({ claudeCodeToken })
    expect(sealerOf(house, secretId)).toEqual([idOf(keyArn), '1'])
    expect(sealerOf(house, secretId, 'AWSPREVIOUS')).toEqual([idOf(keyArn), '0'])
    expect(await keyOf(house, tenantId)).toBe(keyArn)
  })
})

describe('a new key of a tenant', () => {
  it('CLK-07 gets what is written from now on, and what was written before is read and merged with', async () => {
    const { house, ana, tenantId, agentIds, secretIds, volumeKeys, operator } = await withAgents('A')
    await house.settle()
    const [secretId = '', agentId = ''] = [...secretIds, ...agentIds]
    const former = await keyOf(house, tenantId)
    await ana.patch(`/api/agents/${agentId}/credentials`, { githubToken })

    const replaced = await operator.replaceTenantKey(tenantId)

    const next = await keyOf(house, tenantId)
    expect(next).not.toBe(former)
    expect(replaced).toEqual({
      ok: true,
      value: { did: 'replaced', keyArn: next, formerKeyArn: former, movedSecrets: 1 },
    })
    expect([aliased(house, tenantId), (await house.deps.tenants.read(tenantId))?.formerKeyArns]).toEqual([
      idOf(next),
      [former],
    ])
    expect(await readSecret(house, secretId)).toEqual({ claudeCodeToken, githubToken })
    expect(await readSecret(house, secretId, 'AWSPREVIOUS')).toEqual({ claudeCodeToken })
    expect(sealerOf(house, secretId)).toEqual([idOf(next), '0'])
    expect((await ana.patch(`/api/agents/${agentId}/credentials`, { slackBotToken, slackAppToken })).status).toBe(200)
    expect(await readSecret(house, secretId)).toEqual({ claudeCodeToken, githubToken, slackBotToken, slackAppToken })
    expect(sealerOf(house, secretId)).toEqual([idOf(next), '0'])

    const newAgent = await onboard(ana, 'B')
    await house.settle()
    expect((await ana.get(`/api/agents/${newAgent}`)).body.agent.status).toBe('ready')
    expect(sealerOf(house, agentSecretName(STAGE, tenantId, newAgent))).toEqual([idOf(next), '0'])
    expect(volumeKeys).toEqual([former, next])
  })

  it('CLK-07 is like the one before: its policy, its tags, its yearly rotation', async () => {
    const { house, tenantId, operator } = await withAgents('A')
    const former = await keyOf(house, tenantId)
    house.aws.database.run("UPDATE kms_key SET policy = 'of an older version' WHERE arn = ?", former)

    await operator.replaceTenantKey(tenantId)

    const factsOf = (arn: string) =>
      house.aws.database.get('SELECT policy, tags, rotation FROM kms_key WHERE arn = ?', arn)
    expect(factsOf(await keyOf(house, tenantId))).toEqual(factsOf(former))
    expect(factsOf(former)).toMatchObject({ rotation: 1, policy: expect.stringContaining('kms:UpdateAlias') })
  })

  it('CLK-07 leaves the one before enabled, whatever the sweep of strays looks for', async () => {
    const { house, tenantId, operator } = await withAgents('A')
    await sweep(house)
    const former = await keyOf(house, tenantId)
    await operator.replaceTenantKey(tenantId)

    for (let turn = 0; turn < 3; turn += 1) await sweepLater(house)

    expect(tenantKeys(house, tenantId)).toEqual([former, await keyOf(house, tenantId)])
    expect(house.aws.database.all("SELECT pk FROM ddb_item WHERE pk LIKE 'STRAY#%'")).toEqual([])
  })

  it('CLK-07 is refused to nobody’s tenant, and to one that has no key yet', async () => {
    const { house, ana, operator } = await withAgents()
    const tenantId = TenantId.parse((await ana.get('/api/session')).body.tenant.id)
    const nobody = TenantId.parse(`ten_${'0'.repeat(26)}`)

    expect(await operator.replaceTenantKey(tenantId)).toEqual({ ok: false, failure: { reason: 'no_key' } })
    expect(await operator.replaceTenantKey(nobody)).toEqual({ ok: false, failure: { reason: 'no_tenant' } })
    expect([tenantKeys(house, tenantId), await told(house, tenantId)]).toEqual([[], []])
  })

  it('CLK-07 is the one that was swapped in by hand, where there is one', async () => {
    const { house, tenantId, secretIds, operator } = await withAgents('A')
    const former = await keyOf(house, tenantId)
    const { arn } = await makeTenantKey(house.clients.kms, house.names, tenantId)
    const AliasName = tenantKeyAlias(STAGE, tenantId)
    await house.clients.kms.send(new UpdateAliasCommand({ AliasName, TargetKeyId: arn }))
    house.aws.database.run("UPDATE kms_key SET policy = 'by hand' WHERE arn = ?", arn)

    const replaced = await operator.replaceTenantKey(tenantId)

    expect(replaced).toEqual({
      ok: true,
      value: { did: 'replaced', keyArn: arn, formerKeyArn: former, movedSecrets: 1 },
    })
    expect([await keyOf(house, tenantId), tenantKeys(house, tenantId)]).toEqual([arn, [former, arn]])
    expect(sealerOf(house, secretIds[0] ?? '')).toEqual([idOf(arn), '0'])
    const { policy } = house.aws.database.get('SELECT policy FROM kms_key WHERE arn = ?', arn) ?? {}
    expect(policy).toContain('kms:Encrypt')
  })

  it('CLK-07 is none that somebody else pointed the alias at', async () => {
    const { house, tenantId, operator } = await withAgents('A')
    const { KeyMetadata } = await house.clients.kms.send(new CreateKeyCommand({}))
    const TargetKeyId = KeyMetadata?.KeyId ?? ''
    await house.clients.kms.send(new UpdateAliasCommand({ AliasName: tenantKeyAlias(STAGE, tenantId), TargetKeyId }))

    expect((await operator.replaceTenantKey(tenantId)).ok).toBe(true)

    expect(await keyOf(house, tenantId)).not.toContain(TargetKeyId)
    expect(aliased(house, tenantId)).toBe(idOf(await keyOf(house, tenantId)))
    expect(house.aws.database.get('SELECT policy FROM kms_key WHERE id = ?', TargetKeyId)?.policy).toBe('')
  })

  it('CLK-07 is made once of two runs at a time', async () => {
    const { house, tenantId, operator } = await withAgents('A')
    const former = await keyOf(house, tenantId)

    const both = await Promise.all([operator.replaceTenantKey(tenantId), operatorOf(house).replaceTenantKey(tenantId)])

    expect(both.filter(({ ok }) => ok)).toHaveLength(1)
    expect(both).toContainEqual({ ok: false, failure: { reason: 'replaced_meanwhile' } })
    const next = await keyOf(house, tenantId)
    expect(aliased(house, tenantId)).toBe(idOf(next))
    expect(await told(house, tenantId)).toHaveLength(1)
    await sweep(house)
    await sweepLater(house)
    await sweepLater(house)
    expect(tenantKeys(house, tenantId)).toEqual([former, next])
  })

  it('CLK-07 is followed by another a day later, and not before', async () => {
    const { house, tenantId, operator } = await withAgents('A')
    const first = await keyOf(house, tenantId)
    await operator.replaceTenantKey(tenantId)
    const second = await keyOf(house, tenantId)

    house.clock.advanceSeconds(KEY_REPLACEMENT_SECONDS - 60)
    const early = await operator.replaceTenantKey(tenantId)
    house.clock.advanceSeconds(60)
    const late = await operator.replaceTenantKey(tenantId)

    expect([early, late]).toMatchObject([
      { value: { did: 'nothing' } },
      { value: { did: 'replaced', movedSecrets: 1 } },
    ])
    expect((await house.deps.tenants.read(tenantId))?.formerKeyArns).toEqual([first, second])
    expect(tenantKeys(house, tenantId)).toEqual([first, second, await keyOf(house, tenantId)])
  })

  it('CLK-07 waits for what AWS does not see everywhere yet', async () => {
    const { house, tenantId, secretIds } = await withAgents('A')
    const left = new Map([
      ['EnableKeyRotation', 'NotFoundException'],
      ['UpdateAlias', 'AccessDeniedException'],
      ['UpdateSecret', 'EncryptionFailure'],
    ])
    const clients = house.aws.createClients(async ({ operation }, proceed) => {
      const fault = left.get(operation)
      left.delete(operation)
      if (fault !== undefined) throw new AwsFault(fault, 'not yet')
      return proceed()
    })

    await operatorOf(house, clients).replaceTenantKey(tenantId)

    expect(left.size).toBe(0)
    expect(sealerOf(house, secretIds[0] ?? '')).toEqual([idOf(await keyOf(house, tenantId)), '0'])
  })
})

/** Lets so many calls through and says when the last of them was answered; to the caller that answer never comes. */
const cutOffAfter = (calls: number) => {
  const cut = Promise.withResolvers<'cut off'>()
  let left = calls
  const hook: CallHook = async (_call, proceed) => {
    if (left > 0) {
      left -= 1
      const result = await proceed()
      if (left > 0) return result
      cut.resolve('cut off')
    }
    return new Promise(() => undefined)
  }
  return { hook, happened: cut.promise }
}

describe('a run that is cut off', () => {
  it('CLK-07 after any call to AWS is finished by the next: one new key, one event, every secret moved', async () => {
    let cuts = 0
    for (let isCut = true; isCut; cuts += 1) {
      const { house, tenantId, secretIds, operator } = await withAgents('A', 'B')
      const former = await keyOf(house, tenantId)
      const { hook, happened } = cutOffAfter(cuts + 1)
      const first = operatorOf(house, house.aws.createClients(hook)).replaceTenantKey(tenantId)
      isCut = (await Promise.race([first, happened])) === 'cut off'

      const again = await operator.replaceTenantKey(tenantId)

      const next = await keyOf(house, tenantId)
      expect([cuts, again]).toMatchObject([cuts, { ok: true, value: { keyArn: next, formerKeyArn: former } }])
      expect([cuts, tenantKeys(house, tenantId)]).toEqual([cuts, [former, next]])
      expect([cuts, aliased(house, tenantId)]).toEqual([cuts, idOf(next)])
      expect([cuts, secretIds.map((secretId) => sealerOf(house, secretId)[0])]).toEqual([
        cuts,
        [idOf(next), idOf(next)],
      ])
      expect([cuts, await told(house, tenantId)]).toEqual([
        cuts,
        [{ actor: 'operator', target: tenantId, from: idOf(former), to: idOf(next) }],
      ])
      expect(await operator.replaceTenantKey(tenantId)).toMatchObject({ value: { did: 'nothing', keyArn: next } })
    }
    expect(cuts).toBeGreaterThan(15)
  }, 60_000)
})
