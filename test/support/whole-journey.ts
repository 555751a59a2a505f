import { PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { CreateKeyCommand } from '@aws-sdk/client-kms'
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager'
import { TAGS } from '../../lambdas/contract/tags.ts'
import { AwsFault } from '../../local/aws/service.ts'
import type { Browser } from './browser.ts'
import type { Deployed } from './deployed.ts'
import { createJourney, type Journey } from './deployed-journey.ts'
import { CREDENTIALS, PASSWORD } from './harness.ts'
import type { Templates } from './templates.ts'

/**
 * Everything that the product does, through the deployed artefact, the rare ways among them: so that what no step of it needs
 * is needed by nobody, and its grant can go.
 */

/** The public half of a key that nobody has. */
const THROW_AWAY_KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)}`
const NEW_PASSWORD = 'another tractor on the moon'

/** Lets time pass for all sessions: each is to be touched at its next use. */
const ageSessions = ({ aws }: Deployed): void => {
  const past = new Date(Date.now() - 600_000).toISOString()
  for (const { tbl, pk, sk, item } of aws.database.all("SELECT * FROM ddb_item WHERE sk LIKE 'SESSION#%'")) {
    const changed = { ...JSON.parse(String(item)), lastSeenAt: { S: past } }
    aws.database.run(
      'UPDATE ddb_item SET item = ? WHERE tbl = ? AND pk = ? AND sk = ?',
      JSON.stringify(changed),
      String(tbl),
      String(pk),
      String(sk),
    )
  }
}

const walkInvites = async (admin: Browser, { must, invite, join }: Journey) => {
  const gone = await invite(admin, { email: 'gone@example.com' })
  must(await admin.post(`/api/admin/invites/${gone.id}/resend`), 200, 'resend')
  must(await admin.del(`/api/admin/invites/${gone.id}`), 204, 'revoke')
  must(await admin.get('/api/admin/invites?state=revoked'), 200, 'list invites')
  const second = await join(
    (await invite(admin, { email: 'second@example.com', role: 'admin' })).link,
    'second@example.com',
  )
  const { account } = must(await second.get('/api/session'), 200, 'who am I')
  must(await admin.get('/api/admin/accounts'), 200, 'list staff')
  must(
    await admin.send('PATCH', `/api/admin/accounts/${account.id}`, { body: { status: 'suspended' } }),
    200,
    'suspend staff',
  )
  must(await admin.get('/api/admin/tenants'), 200, 'list tenants')
}

const walkAccount = async (house: Deployed, tenant: Browser, email: string, { must }: Journey): Promise<void> => {
  const other = house.browse('203.0.113.77')
  const wrong = { email, password: 'not the password of anybody' }
  for (let turn = 0; turn < 4; turn += 1) must(await other.post('/api/login', wrong), 401, 'wrong password')
  must(await other.post('/api/login', { email, password: PASSWORD }), 200, 'sign-in')
  const { sessions } = must(await tenant.get('/api/sessions'), 200, 'list sessions')
  must(
    await tenant.del(`/api/sessions/${sessions.find((one: { current: boolean }) => !one.current).id}`),
    204,
    'end a session',
  )
  must(await tenant.del('/api/sessions'), 204, 'end the other sessions')
  must(await tenant.post('/api/password', { currentPassword: PASSWORD, newPassword: NEW_PASSWORD }), 204, 'password')
  must(await other.post('/api/login', { email, password: NEW_PASSWORD }), 200, 'sign-in again')
  must(await other.post('/api/logout'), 204, 'sign-out')
  const nobody = { ...wrong, email: 'nobody@example.com' }
  for (let turn = 0; turn < 5; turn += 1) must(await other.post('/api/login', nobody), 401, 'wrong password')
  must(await other.post('/api/login', nobody), 429, 'sign-in too often')
  const { token, secret } = must(await tenant.post('/api/tokens', { name: 'cli' }), 201, 'make a token')
  const bearer = { authorization: `Bearer ${secret}`, cookie: null, origin: null }
  for (const path of ['/api/agents', '/api/audit', '/api/tokens'])
    must(await house.browse().get(path, bearer), 200, path)
  must(await tenant.get('/api/tokens'), 200, 'list tokens')
  must(await tenant.del(`/api/tokens/${token.id}`), 204, 'revoke a token')
  must(await tenant.get('/api/audit'), 200, 'read the trail')
  must(await tenant.get('/api/admin/audit'), 403, 'read what is not theirs')
}

/** Two first agents at a time: of two keys made for one tenant, one is thrown away. */
const raceForKey = async (house: Deployed, tenant: Browser, { onboard }: Journey): Promise<void> => {
  let arrived = 0
  house.beforeEachCall(async ({ operation }) => {
    if (operation !== 'CreateAlias') return
    arrived += 1
    for (let waited = 0; arrived < 2 && waited < 100; waited += 1)
      await new Promise((resolve) => setTimeout(resolve, 20))
  })
  await Promise.all([onboard(tenant, 'First'), onboard(tenant, 'Second')])
  house.beforeEachCall(async () => undefined)
}

/** EC2 has no room once: the launch goes to the other zone. */
const noRoomInFirstZone = (house: Deployed): void => {
  let refusals = 1
  house.beforeEachCall(async ({ operation }) => {
    if (operation !== 'RunInstances' || refusals === 0) return
    refusals -= 1
    throw new AwsFault('InsufficientInstanceCapacity', 'There is no room in this zone')
  })
}

/** Deleted while it is being onboarded: its secret goes with it. */
const deleteWhileOnboarding = async (
  house: Deployed,
  tenant: Browser,
  tenantId: string,
  { must, meddle }: Journey,
): Promise<void> => {
  house.beforeEachCall(async ({ operation, input }) => {
    const agentId = /agt_\w+$/.exec(String((input as any).Name))?.[0]
    if (operation === 'CreateSecret' && agentId !== undefined) await meddle(tenantId, agentId, 'status', 'deleting')
  })
  const body = { name: 'Doomed', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }
  must(await tenant.post('/api/agents', body), 409, 'onboard what is being deleted')
  house.beforeEachCall(async () => undefined)
}

/** A merge that a crash cut off after its secret was written, or before: the reconciler finishes or drops it. */
const leaveMerge = async (
  house: Deployed,
  tenant: Browser,
  tenantId: string,
  id: string,
  { meddle, must }: Journey,
) => {
  const long = new Date(Date.now() - 120_000).toISOString()
  await meddle(tenantId, id, 'pendingMerges', {
    [`mrg_${'0'.repeat(26)}`]: {
      kinds: ['githubToken'],
      by: 'acc_00000000000000000000000000',
      at: long,
      requestId: 'crash',
    },
  })
  await house.settle(
    async () => {
      const [row] = house.aws.database.all('SELECT item FROM ddb_item WHERE sk = ?', `AGENT#${id}`)
      return Object.keys(JSON.parse(String(row?.item)).pendingMerges.M).length === 0
    },
    { schedules: true },
  )
  must(await tenant.get(`/api/agents/${id}`), 200, 'read agent')
}

/** The machine tells who was let in for support; its tenant reads it. */
const tellSession = async (house: Deployed, tenant: Browser, id: string, { must }: Journey): Promise<void> => {
  const eventOf = async (action: string) =>
    must(await tenant.get(`/api/audit?agent=${id}`), 200, 'read the trail').events.find(
      (event: { action: string }) => event.action === action,
    )
  const { serial, instanceId } = (await eventOf('support.certificate_issued')).detail
  const report = { id: '0'.repeat(64), event: 'opened', serial, at: new Date().toISOString() }
  must(await house.beat(instanceId, { supportSessions: [report] }), 200, 'a heartbeat')
  const told = await eventOf('support.session_opened')
  if (told?.detail.reason !== 'Ticket 4711') throw new Error(`the trail says ${JSON.stringify(told)}`)
}

/** Makes what was written by now as old as if it had been written two hours ago. */
const ageStrays = ({ aws }: Deployed): void => {
  const past = new Date(Date.now() - 7_200_000).toISOString()
  aws.database.run('UPDATE kms_key SET created = ?', past)
  aws.database.run('UPDATE sm_version SET created = ?', past)
  aws.database.run('UPDATE ec2_instance SET launched = ?', past)
  const rows = aws.database.all("SELECT * FROM ddb_item WHERE pk = 'PACE#STRAYS' OR pk LIKE 'STRAY#%'")
  for (const { tbl, pk, sk, item } of rows) {
    const aged = String(item).replaceAll(/"S":"\d{4}-[^"]*"/g, `"S":"${past}"`)
    aws.database.run(
      'UPDATE ddb_item SET item = ? WHERE tbl = ? AND pk = ? AND sk = ?',
      ...[aged, String(tbl), String(pk), String(sk)],
    )
  }
}

const STRAY_AGENT = `agt_${'0'.repeat(26)}`

/** A key, a secret and a machine that nobody owns are marked and ended; the mark of a machine that is gone by itself is taken off. */
const leaveStrays = async (house: Deployed, templates: Templates, tenantId: string, agentId: string): Promise<void> => {
  const { aws, clients } = house
  const stage = templates.ofType('AWS::Lambda::Function')[0]?.Properties.Environment.Variables.VESTIBULE_STAGE
  const tags = { [TAGS.stage]: stage, [TAGS.tenant]: tenantId, [TAGS.agent]: STRAY_AGENT }
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
  const { KeyMetadata } = await clients.kms.send(
    new CreateKeyCommand({ Tags: Tags.map(({ Key, Value }) => ({ TagKey: Key, TagValue: Value })) }),
  )
  const secretId = `vestibule/${stage}/tenant/${tenantId}/agent/${STRAY_AGENT}`
  await clients.secrets.send(new CreateSecretCommand({ Name: secretId, SecretString: '{}', Tags }))
  const [row] = aws.database.all("SELECT * FROM ec2_instance WHERE tags LIKE ? AND state = 'running'", `%${agentId}%`)
  const copy = (id: string, ofAgent: string) =>
    aws.database.run(
      `INSERT INTO ec2_instance (id, token, zone, parameters, state, type, subnet, groups, tags, user_data, launched, guest)
       SELECT ?, NULL, zone, parameters, 'stopped', type, subnet, groups, ?, user_data, launched, '' FROM ec2_instance WHERE id = ?`,
      ...[id, String(row?.tags).replaceAll(agentId, ofAgent), String(row?.id)],
    )
  copy('i-stray', STRAY_AGENT)
  copy('i-found', `agt_${'1'.repeat(26)}`)
  const sweepAll = async () => {
    ageStrays(house)
    for (let kind = 0; kind < 3; kind += 1) await house.tick()
  }
  await sweepAll()
  aws.database.run("DELETE FROM ec2_instance WHERE id = 'i-found'")
  await sweepAll()
  const left = [
    aws.database.get('SELECT state FROM kms_key WHERE id = ?', KeyMetadata?.KeyId ?? '')?.state === 'PendingDeletion',
    aws.database.get('SELECT deletion FROM sm_secret WHERE name = ?', secretId)?.deletion !== null,
    aws.database.get("SELECT state FROM ec2_instance WHERE id = 'i-stray'")?.state === 'shutting-down',
    aws.database.all("SELECT pk FROM ddb_item WHERE pk LIKE 'STRAY#%'").length === 0,
  ]
  if (left.includes(false)) throw new Error(`strays were not ended (${left.join(', ')})`)
}

/** The archivist dies between each put and its own note of it: the next one finds what lies there, and takes it. */
const archiveTwice = async (house: Deployed): Promise<void> => {
  house.beforeEachCall(async ({ operation, accessKeyId, input }) => {
    const isAdvance = operation === 'UpdateItem' && JSON.stringify(input).includes('#sequence = :was')
    if (accessKeyId === 'archivist' && isAdvance) throw new Error('out of order')
  })
  const archivist = house.functions.get('archivist')
  const first = await archivist?.invoke({})
  house.beforeEachCall(async () => undefined)
  const second = await archivist?.invoke({})
  if (first.failed === 0 || second.segments < first.failed || second.failed + second.differing > 0)
    throw new Error(`not archived: ${JSON.stringify([first, second])}`)
}

/** A schedule whose function fails: the event is put where somebody sees it. */
const failSchedules = async (house: Deployed): Promise<void> => {
  house.beforeEachCall(async ({ operation, accessKeyId }) => {
    if (operation === 'Query' && ['reconciler', 'mailer', 'archivist'].includes(accessKeyId))
      throw new Error('out of order')
  })
  await house.tick()
  house.beforeEachCall(async () => undefined)
}

const walkMail = async (
  house: Deployed,
  templates: Templates,
  admin: Browser,
  { must, invite }: Journey,
): Promise<void> => {
  const mailOf = async (id: string) =>
    must(await admin.get('/api/admin/invites'), 200, 'list invites').invites.find(
      (one: { id: string }) => one.id === id,
    ).mail?.state
  const revoked = await invite(admin, { email: 'unsent@example.com' })
  must(await admin.del(`/api/admin/invites/${revoked.id}`), 204, 'revoke')
  const { id, link } = await invite(admin, { email: 'mail@example.com' })
  await house.settle(async () => (await mailOf(id)) === 'sent', { schedules: true })
  const [row] = house.aws.database.all('SELECT item FROM ddb_item WHERE pk = ?', `INVITE#${id}`)
  const code = JSON.parse(String(row?.item)).codeHash.S.slice(0, 16)
  await house.clients.events.send(
    new PutEventsCommand({
      Entries: [
        {
          Source: 'aws.ses',
          DetailType: 'Email Bounced',
          Detail: JSON.stringify({
            mail: {
              tags: {
                invite: [id],
                code: [code],
                'ses:configuration-set': [templates.ofType('AWS::SES::ConfigurationSet')[0]?.id],
              },
            },
          }),
        },
      ],
    }),
  )
  await house.settle(async () => (await mailOf(id)) === 'bounced')
  if (!link.startsWith(`${house.siteOrigin}/join#`)) throw new Error(`the link leads to ${link}`)
}

export const walkWhole = async (house: Deployed, templates: Templates): Promise<void> => {
  const journey = createJourney(house, templates)
  const { operator, must, joinFirstAdmin, invite, join, reach, liveAndDie } = journey
  const admin = await joinFirstAdmin()
  if ((await operator.inviteFirstAdmin('again@example.com')).ok) throw new Error('the first admin was made twice')
  await walkInvites(admin, journey)
  const ana = await join((await invite(admin, { email: 'ana@example.com' })).link, 'ana@example.com')
  const help = await join(
    (await invite(admin, { email: 'help@example.com', role: 'support' })).link,
    'help@example.com',
  )
  const { tenant } = must(await ana.get('/api/session'), 200, 'who am I')
  await join((await invite(admin, { email: 'bob@example.com', tenantId: tenant.id })).link, 'bob@example.com')
  await walkAccount(house, ana, 'ana@example.com', journey)

  await raceForKey(house, ana, journey)
  noRoomInFirstZone(house)
  await liveAndDie(ana, 'By the queue')
  noRoomInFirstZone(house)
  await liveAndDie(ana, 'By the reconciler', { queues: false, schedules: true, seconds: 40 })
  await deleteWhileOnboarding(house, ana, tenant.id, journey)
  const { agents } = must(await ana.get('/api/agents'), 200, 'list agents')
  const [first] = agents.filter(({ name }: { name: string }) => name === 'First')
  await reach(ana, first.id, 'ready')
  await leaveMerge(house, ana, tenant.id, first.id, journey)
  must(await help.get('/api/agents'), 403, 'a tenant’s list as support')
  const certificate = { agentId: first.id, publicKey: THROW_AWAY_KEY, reason: 'Ticket 4711' }
  must(await help.post('/api/support/certificates', certificate), 201, 'a certificate')
  await tellSession(house, ana, first.id, journey)
  ageSessions(house)
  for (const [who, path] of [
    [ana, '/api/agents'],
    [help, '/api/support/agents'],
    [admin, '/api/admin/audit'],
  ] as const)
    must(await who.get(path), 200, path)
  must(await admin.get('/api/support/agents'), 403, 'support’s list as admin')
  await leaveStrays(house, templates, tenant.id, first.id)
  await walkMail(house, templates, admin, journey)
  must(await admin.post(`/api/admin/tenants/${tenant.id}/suspend`), 200, 'suspend')
  must(await admin.post(`/api/admin/tenants/${tenant.id}/resume`), 200, 'resume')
  await archiveTwice(house)
  await failSchedules(house)
}
