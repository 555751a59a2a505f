import { UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { systemClock, systemPause } from '../../lambdas/core/clock.ts'
import { createLogger } from '../../lambdas/core/logger.ts'
import { systemRandom } from '../../lambdas/core/random.ts'
import { createOperator } from '../../lambdas/entry/operator.aws.ts'
import { type Browser, must } from './browser.ts'
import type { Deployed } from './deployed.ts'
import { CREDENTIALS, PASSWORD } from './harness.ts'
import type { Templates } from './templates.ts'

/** The journey of everybody, driven through the deployed artefact. Throws at the first answer that is not the expected one. */

const codeOf = (link: string): string => link.split('#')[1] ?? ''

/** The operator at the deployed stacks, knowing what the deploy's outputs say. */
export const operatorOf = (house: Deployed, templates: Templates) => {
  const output = (stack: string, name: string): string =>
    templates.resolve(stack, templates.toJSON()[stack].Outputs[name].Value)
  return createOperator(
    house.clients,
    {
      siteOrigin: output('VestibuleWeb', 'SiteOrigin'),
      siteBucket: output('VestibuleWeb', 'SiteBucket'),
      stage: output('VestibuleData', 'Stage'),
      directoryTable: output('VestibuleData', 'DirectoryTable'),
      agentsTable: output('VestibuleData', 'AgentsTable'),
      auditTable: output('VestibuleData', 'AuditTable'),
      sessionKeysSecret: output('VestibuleData', 'SessionKeysSecret'),
      originProofSecret: output('VestibuleData', 'OriginProofSecret'),
      assetsBucket: output('VestibuleData', 'AssetsBucket'),
      releaseKey: output('VestibuleData', 'ReleaseKey'),
    },
    { clock: systemClock, random: systemRandom, pause: systemPause, logger: createLogger({ write: () => undefined }) },
  )
}

export const createJourney = (house: Deployed, templates: Templates) => {
  const operator = operatorOf(house, templates)
  const { settle, browse } = house

  const join = async (link: string, email: string): Promise<Browser> => {
    const browser = browse()
    must(await browser.post('/api/invites/inspect', { invite: codeOf(link) }), 200, 'inspect')
    must(await browser.post('/api/signup', { invite: codeOf(link), email, password: PASSWORD }), 201, 'sign-up')
    return browser
  }

  const joinFirstAdmin = async (): Promise<Browser> => {
    const made = await operator.inviteFirstAdmin('root@example.com')
    if (!made.ok) throw new Error('the first admin was made before')
    return join(made.value.link, 'root@example.com')
  }

  const invite = async (
    admin: Browser,
    body: { email: string; role?: string; tenantId?: string },
  ): Promise<{ id: string; link: string }> => {
    const issued = must(await admin.post('/api/admin/invites', body), 201, 'invite')
    return { id: issued.invite.id, link: issued.link }
  }

  const statusOf = async (tenant: Browser, id: string): Promise<string> =>
    must(await tenant.get(`/api/agents/${id}`), 200, 'read agent').agent.status

  const tableNamed = (start: string): string => {
    const table = templates.ofType('AWS::DynamoDB::Table').find(({ id }) => id.startsWith(start))
    return templates.resolve(table?.stack ?? '', { Ref: table?.id })
  }

  /** As if it were long ago that the launch queue did anything, and that the agent came into the line for machines. */
  const loseRequest = async (tenantId: string, agentId: string): Promise<void> => {
    const past = { ':past': '2020-01-01T00:00:00.000Z' }
    await house.clients.dynamo.send(
      new UpdateCommand({
        TableName: tableNamed('Limits'),
        Key: { pk: 'PACE#LAUNCH' },
        UpdateExpression: 'SET lineAt = :past',
        ExpressionAttributeValues: past,
      }),
    )
    await house.clients.dynamo.send(
      new UpdateCommand({
        TableName: tableNamed('Agents'),
        Key: { pk: `TENANT#${tenantId}`, sk: `AGENT#${agentId}` },
        UpdateExpression: 'SET lookAt = :past',
        ExpressionAttributeValues: past,
      }),
    )
  }

  /** `settleBy` says who brings the agent further: the queue, or the reconciler alone. */
  const reach = (tenant: Browser, id: string, status: string, settleBy: Parameters<typeof settle>[1] = {}) =>
    settle(async () => (await statusOf(tenant, id)) === status, settleBy)

  const onboard = async (tenant: Browser, name: string, more: Record<string, unknown> = {}): Promise<string> => {
    const body = { name, credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken }, ...more }
    return must(
      await tenant.post('/api/agents', body, { 'idempotency-key': name.replaceAll(' ', '-') }),
      202,
      'onboard',
    ).agent.id
  }

  /** A whole life of an agent: ready, changed, supported, stopped, started, quarantined, deleted. */
  const liveAndDie = async (
    tenant: Browser,
    name: string,
    settleBy: Parameters<typeof settle>[1] = {},
  ): Promise<void> => {
    const id = await onboard(tenant, name, { supportAccess: false })
    if (settleBy.queues === false) {
      const who = must(await tenant.get('/api/session'), 200, 'who am I')
      await loseRequest(who.tenant.id, id)
    }
    await reach(tenant, id, 'ready', settleBy)
    must(
      await tenant.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken }),
      200,
      'change credentials',
    )
    must(await tenant.put(`/api/agents/${id}/support-access`, { enabled: true }), 200, 'allow support')
    await settle(async () => isSupportOpen(id), settleBy)
    must(await tenant.post(`/api/agents/${id}/stop`), 202, 'stop')
    await reach(tenant, id, 'stopped', settleBy)
    must(await tenant.post(`/api/agents/${id}/start`), 202, 'start')
    await reach(tenant, id, 'ready', settleBy)
    await beQuarantined(tenant, id, settleBy)
    must(await tenant.del(`/api/agents/${id}`), 202, 'delete')
    await reach(tenant, id, 'deleted', settleBy)
  }

  /** The machine says that it runs something else than the row says that it was given. */
  const beQuarantined = async (tenant: Browser, id: string, settleBy: Parameters<typeof settle>[1]): Promise<void> => {
    const { tenant: its } = must(await tenant.get('/api/session'), 200, 'who am I')
    await meddle(its.id, id, 'release', '0'.repeat(64))
    await settle(async () => {
      const { agent } = must(await tenant.get(`/api/agents/${id}`), 200, 'read agent')
      return agent.reason?.code === 'quarantined' && agent.isolatedAt !== undefined
    }, settleBy)
  }

  const isSupportOpen = (agentId: string): boolean =>
    house.aws.database
      .all('SELECT groups, tags FROM ec2_instance')
      .some(({ groups, tags }) => String(tags).includes(agentId) && JSON.parse(String(groups)).length === 2)

  /** Changes an agent's row behind everybody's back, as a crash or another writer would have. */
  const meddle = async (tenantId: string, agentId: string, name: string, value: unknown): Promise<void> => {
    await house.clients.dynamo.send(
      new UpdateCommand({
        TableName: tableNamed('Agents'),
        Key: { pk: `TENANT#${tenantId}`, sk: `AGENT#${agentId}` },
        UpdateExpression: 'SET #name = :value, passing = :passing, lookAt = :past, version = version + :one',
        ExpressionAttributeNames: { '#name': name },
        ExpressionAttributeValues: {
          ':value': value,
          ':passing': 'PASSING',
          ':past': '2020-01-01T00:00:00.000Z',
          ':one': 1,
        },
      }),
    )
  }

  return { operator, must, join, joinFirstAdmin, invite, onboard, reach, liveAndDie, statusOf, meddle, codeOf }
}

export type Journey = ReturnType<typeof createJourney>

/** The short journey: one person from the operator's command to a machine that is ready. Touches every function. */
export const walkShort = async (house: Deployed, templates: Templates): Promise<void> => {
  const { joinFirstAdmin, invite, join, onboard, reach, must } = createJourney(house, templates)
  const admin = await joinFirstAdmin()
  const ana = await join((await invite(admin, { email: 'ana@example.com' })).link, 'ana@example.com')
  const help = await join(
    (await invite(admin, { email: 'help@example.com', role: 'support' })).link,
    'help@example.com',
  )
  const id = await onboard(ana, 'A')
  await reach(ana, id, 'ready', { seconds: 8 })
  await invite(admin, { email: 'mail@example.com' })
  await house.tick()
  must(await help.get('/api/support/agents'), 200, 'list for support')
  const invites = must(await admin.get('/api/admin/invites'), 200, 'list invites').invites
  if (!invites.some((one: { mail?: { state: string } }) => one.mail?.state === 'sent')) {
    throw new Error(
      `no invite was mailed: ${JSON.stringify(invites.map((one: { mail?: { state: string } }) => one.mail))}`,
    )
  }
}
