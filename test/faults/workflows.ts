import { CreateKeyCommand } from '@aws-sdk/client-kms'
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager'
import { STRAY_SWEEP_SECONDS } from '../../lambdas/contract/facts.ts'
import { ARCHIVE_PARTITION, STRAY_KINDS } from '../../lambdas/contract/names.ts'
import { TAGS } from '../../lambdas/contract/tags.ts'
import { string } from '../../lambdas/support/ssh-wire.ts'
import { readArchive, walkArchive } from '../support/archive.ts'
import { createHarness, CREDENTIALS, type Harness, PASSWORD } from '../support/harness.ts'
import type { Browser, Reply } from '../support/browser.ts'

/** Everything that the product does, each as one thing that can be broken off anywhere and done again. */

/** What a workflow begins with: who is signed in, and ids and codes that the setup wrote down. */
export interface Scene {
  admin: Browser
  tenant: Browser
  support: Browser
  notes: Record<string, string>
}

export interface Workflow {
  name: string
  setup: (house: Harness, scene: Scene) => Promise<void>
  /** The user's call, or the system's work. Done again after a fault, with the same keys. Null where nobody is answered. */
  run: (house: Harness, scene: Scene) => Promise<Reply | null>
  /** True where the answer waits for others' work, and looks for it over and over. */
  waits?: boolean
  /** Answers of a repeat that are no failure: the first try may have been through. */
  mayRepeatAs?: readonly number[]
  /** What must be so once the repeat was answered and all is at rest; a text says what is not. */
  check?: (house: Harness, scene: Scene) => Promise<string | null>
}

/** Of the right form; nobody logs in with it. */
export const PUBLIC_KEY = `ssh-ed25519 ${Buffer.concat([string('ssh-ed25519'), string(Buffer.alloc(32, 7))]).toString('base64')}`

export const SECOND_TOKEN = 'ghp_9876543210zyxwvutsrqZYXWVUTSRQ987654'
const NEW_PASSWORD = 'another tractor under the sea'

const onboard = (tenant: Browser, name: string, more: object = {}): Promise<Reply> =>
  tenant.post('/api/agents', { name, credentials: CREDENTIALS, ...more }, { 'idempotency-key': `key-of-${name}` })

const note = (scene: Scene, name: string, value: unknown): void => {
  if (typeof value !== 'string') throw new Error(`the setup has no ${name}`)
  scene.notes[name] = value
}
const idOf = ({ notes }: Scene, name = 'agent'): string => notes[name] ?? ''

const withAgent =
  (status: 'requested' | 'ready' | 'stopped' | 'failed' = 'ready', more: object = {}) =>
  async (house: Harness, scene: Scene): Promise<void> => {
    const made = await onboard(scene.tenant, 'A', more)
    note(scene, 'agent', made.body?.agent?.id)
    if (status === 'requested') return
    if (status === 'failed') {
      for (let minute = 0; minute < 45; minute += 1) {
        house.clock.advanceSeconds(60)
        house.aws.machines.advance()
        await house.reconcile()
      }
      return
    }
    await house.settle()
    if (status === 'stopped') {
      await scene.tenant.post(`/api/agents/${idOf(scene)}/stop`)
      await house.settle()
    }
  }

/** A key that was never named, and the secret and the machine of an agent that is not there. */
const leaveStrays = async ({ aws, clients, clock }: Harness, tenantId: string): Promise<void> => {
  const agentId = `agt_${'0'.repeat(26)}`
  const tags = Object.entries({ [TAGS.stage]: 'local', [TAGS.tenant]: tenantId, [TAGS.agent]: agentId })
  const Tags = tags.map(([Key, Value]) => ({ Key, Value }))
  await clients.kms.send(new CreateKeyCommand({ Tags: tags.map(([TagKey, TagValue]) => ({ TagKey, TagValue })) }))
  const Name = `vestibule/local/tenant/${tenantId}/agent/${agentId}`
  await clients.secrets.send(new CreateSecretCommand({ Name, SecretString: '{}', Tags }))
  aws.database.run(
    `INSERT INTO ec2_instance (id, token, zone, parameters, state, type, subnet, groups, tags, user_data, launched, guest)
     SELECT 'i-stray', NULL, zone, parameters, 'stopped', type, subnet, groups, ?, user_data, ?, '' FROM ec2_instance LIMIT 1`,
    ...[JSON.stringify(Tags), clock.now().toISOString()],
  )
}

/** An onboarding whose process dies before it has made anything but the agent's row. */
const leaveUnfinished = async ({ aws, clock }: Harness, { tenant, notes }: Scene): Promise<void> => {
  const { promise: death, resolve: die } = Promise.withResolvers<void>()
  let isDead = false
  const dying = await createHarness({
    ...{ aws, clock, seed: 'dies' },
    hook: (call, proceed) => {
      isDead ||= call.service === 'kms'
      if (!isDead) return proceed()
      die()
      return new Promise(() => undefined)
    },
  })
  const browser = dying.browse()
  for (const [name, value] of tenant.cookies) browser.cookies.set(name, value)
  void onboard(browser, 'A')
  await death
  notes.agent = (await tenant.get('/api/agents')).body.agents[0].id
}

const nothing = async (): Promise<void> => undefined

/** Lets the queue, the machines and the schedules run once round: what Lambda and EC2 would do by themselves. */
const turn = async (house: Harness): Promise<null> => {
  house.clock.advanceSeconds(2)
  house.aws.machines.advance()
  await house.work()
  await house.standIns()
  return null
}

const turns = (count: number) => async (house: Harness) => {
  for (let round = 0; round < count; round += 1) await turn(house)
  return null
}

const isStatus =
  (...wanted: string[]) =>
  async (_house: Harness, scene: Scene): Promise<string | null> => {
    const { body, text } = await scene.tenant.get(`/api/agents/${idOf(scene)}`)
    const status = body?.agent?.status ?? text
    return wanted.includes(status) ? null : `is ${status} and not ${wanted.join(' or ')}`
  }

/** Ready; or failed because AWS would not launch a machine, and ready after what the reason says to do. */
const endsReady = async (house: Harness, scene: Scene): Promise<string | null> => {
  const { agent } = (await scene.tenant.get(`/api/agents/${idOf(scene)}`)).body
  if (agent?.reason?.code === 'launch_refused') {
    await scene.tenant.post(`/api/agents/${idOf(scene)}/retry`)
    await house.settle()
  }
  return isStatus('ready')(house, scene)
}

const lifecycle = (verb: string, from: 'ready' | 'stopped' | 'failed', to: string): Workflow[] => [
  {
    name: `${verb}: the call`,
    setup: withAgent(from),
    run: (_house, scene) =>
      verb === 'delete'
        ? scene.tenant.del(`/api/agents/${idOf(scene)}`)
        : scene.tenant.post(`/api/agents/${idOf(scene)}/${verb}`),
    mayRepeatAs: [409],
    check: isStatus(to),
  },
  {
    name: `${verb}: the work`,
    setup: async (house, scene) => {
      await withAgent(from)(house, scene)
      await (verb === 'delete'
        ? scene.tenant.del(`/api/agents/${idOf(scene)}`)
        : scene.tenant.post(`/api/agents/${idOf(scene)}/${verb}`))
    },
    run: turns(4),
    check: to === 'ready' ? endsReady : isStatus(to),
  },
]

const archiving = (name: string, setup: Workflow['setup']): Workflow => ({
  ...{ name, setup },
  run: async (house) => {
    await house.archive()
    return null
  },
  check: async (house) => {
    await house.archive()
    for (const [chain, files] of readArchive(house.aws)) {
      const { end, broken } = walkArchive(chain, files)
      const head = await house.deps.audit.readHead(chain)
      if (broken !== null || end.hash !== head?.hash) return `the archive of ${chain} is not whole`
    }
    return readArchive(house.aws).size === 0 ? 'there is no archive' : null
  },
})

export const WORKFLOWS: readonly Workflow[] = [
  {
    name: 'issue an invite',
    setup: nothing,
    run: (_house, { admin }) => admin.post('/api/admin/invites', { email: 'new@example.com' }),
    mayRepeatAs: [409],
  },
  {
    name: 'resend an invite',
    setup: async (house, scene) =>
      note(scene, 'invite', (await house.invite(scene.admin, { email: 'n@example.com' })).id),
    run: (_house, scene) => scene.admin.post(`/api/admin/invites/${idOf(scene, 'invite')}/resend`),
  },
  {
    name: 'revoke an invite',
    setup: async (house, scene) =>
      note(scene, 'invite', (await house.invite(scene.admin, { email: 'n@example.com' })).id),
    run: (_house, scene) => scene.admin.del(`/api/admin/invites/${idOf(scene, 'invite')}`),
    mayRepeatAs: [409],
  },
  {
    name: 'redeem an invite',
    setup: async (house, scene) =>
      note(scene, 'code', (await house.invite(scene.admin, { email: 'n@example.com' })).code),
    run: (house, scene) =>
      house.browse().post('/api/signup', { invite: idOf(scene, 'code'), email: 'n@example.com', password: PASSWORD }),
    mayRepeatAs: [403],
    check: async (house) => {
      const { status } = await house.browse().post('/api/login', { email: 'n@example.com', password: PASSWORD })
      return status === 200 ? null : `the account cannot sign in (${status})`
    },
  },
  {
    name: 'look at an invite',
    setup: async (house, scene) =>
      note(scene, 'code', (await house.invite(scene.admin, { email: 'n@example.com' })).code),
    run: (house, scene) => house.browse().post('/api/invites/inspect', { invite: idOf(scene, 'code') }),
  },
  {
    name: 'sign in',
    setup: nothing,
    run: (house) => house.browse().post('/api/login', { email: 'ana@example.com', password: PASSWORD }),
    mayRepeatAs: [429],
  },
  {
    name: 'fail to sign in',
    setup: nothing,
    run: (house) => house.browse().post('/api/login', { email: 'ana@example.com', password: 'not what it is at all' }),
    mayRepeatAs: [401, 429],
  },
  {
    name: 'sign out',
    setup: nothing,
    run: (_house, { tenant }) => tenant.post('/api/logout'),
    mayRepeatAs: [401],
    check: async (_house, { tenant }) =>
      (await tenant.get('/api/session')).body.account === null ? null : 'the session lives on',
  },
  {
    name: 'end the other sessions',
    setup: async (house) => {
      await house.browse().post('/api/login', { email: 'ana@example.com', password: PASSWORD })
    },
    run: (_house, { tenant }) => tenant.send('DELETE', '/api/sessions'),
  },
  {
    name: 'change the password',
    setup: nothing,
    run: (_house, { tenant }) => tenant.post('/api/password', { currentPassword: PASSWORD, newPassword: NEW_PASSWORD }),
    mayRepeatAs: [400, 401, 403],
  },
  {
    name: 'make an API token',
    setup: nothing,
    run: (_house, { tenant }) => tenant.post('/api/tokens', { name: 'laptop' }),
  },
  {
    name: 'revoke an API token',
    setup: async (_house, scene) =>
      note(scene, 'token', (await scene.tenant.post('/api/tokens', { name: 'laptop' })).body?.token?.id),
    run: (_house, scene) => scene.tenant.del(`/api/tokens/${idOf(scene, 'token')}`),
    mayRepeatAs: [404],
  },
  {
    name: 'change a staff account',
    setup: async (_house, scene) =>
      note(
        scene,
        'staff',
        (await scene.admin.get('/api/admin/accounts')).body?.accounts?.find(
          ({ role }: { role: string }) => role === 'support',
        )?.id,
      ),
    run: (_house, scene) => scene.admin.patch(`/api/admin/accounts/${idOf(scene, 'staff')}`, { status: 'suspended' }),
  },
  {
    name: 'list agents',
    setup: withAgent('requested'),
    run: (_house, { tenant }) => tenant.get('/api/agents'),
  },
  {
    name: 'read the trail',
    setup: nothing,
    run: (_house, { tenant }) => tenant.get('/api/audit'),
  },
  {
    name: 'onboard: the call, first agent of its tenant',
    setup: nothing,
    run: async (_house, scene) => {
      const made = await onboard(scene.tenant, 'A')
      if (made.body?.agent?.id !== undefined) note(scene, 'agent', made.body.agent.id)
      return made
    },
    check: isStatus('ready', 'failed'),
  },
  {
    name: 'onboard: the call again, after the agent was given up',
    setup: async (house, scene) => {
      await leaveUnfinished(house, scene)
      for (let minute = 0; minute < 12; minute += 1) {
        house.clock.advanceSeconds(60)
        await house.reconcile()
      }
    },
    run: (_house, scene) => onboard(scene.tenant, 'A'),
    check: endsReady,
  },
  { name: 'onboard: the work', setup: withAgent('requested'), run: turns(8), check: endsReady },
  {
    name: 'change credentials',
    setup: withAgent('ready'),
    run: (_house, scene) =>
      scene.tenant.patch(`/api/agents/${idOf(scene)}/credentials`, { githubToken: SECOND_TOKEN, slackAppToken: null }),
    check: async (_house, scene) => {
      const { credentials } = (await scene.tenant.get(`/api/agents/${idOf(scene)}`)).body.agent
      return credentials.slackAppToken.provided ? 'a removal that was acknowledged is undone' : null
    },
  },
  {
    name: 'turn support off',
    waits: true,
    setup: withAgent('ready'),
    run: async (house, scene) => {
      const answer = scene.tenant.put(`/api/agents/${idOf(scene)}/support-access`, { enabled: false })
      const [reply] = await Promise.all([answer, workUntil(house, answer)])
      return reply
    },
  },
  {
    name: 'turn support on',
    setup: withAgent('ready', { supportAccess: false }),
    run: async (house, scene) => {
      const reply = await scene.tenant.put(`/api/agents/${idOf(scene)}/support-access`, { enabled: true })
      await turn(house)
      return reply
    },
  },
  {
    name: 'a certificate for support',
    setup: withAgent('ready'),
    run: (_house, scene) =>
      scene.support.post('/api/support/certificates', {
        agentId: idOf(scene),
        publicKey: PUBLIC_KEY,
        reason: 'Ticket 1: does not answer',
      }),
  },
  ...lifecycle('stop', 'ready', 'stopped'),
  ...lifecycle('start', 'stopped', 'ready'),
  ...lifecycle('retry', 'failed', 'ready'),
  ...lifecycle('delete', 'ready', 'deleted'),
  {
    name: 'suspend a tenant',
    setup: async (house, scene) => {
      await withAgent('ready')(house, scene)
      note(scene, 'tenant', (await scene.tenant.get('/api/session')).body?.tenant?.id)
    },
    run: (_house, scene) => scene.admin.post(`/api/admin/tenants/${idOf(scene, 'tenant')}/suspend`, {}),
    mayRepeatAs: [409],
  },
  {
    name: 'resume a tenant',
    setup: async (_house, scene) => {
      note(scene, 'tenant', (await scene.tenant.get('/api/session')).body?.tenant?.id)
      await scene.admin.post(`/api/admin/tenants/${idOf(scene, 'tenant')}/suspend`, {})
    },
    run: (_house, scene) => scene.admin.post(`/api/admin/tenants/${idOf(scene, 'tenant')}/resume`, {}),
    mayRepeatAs: [409],
  },
  {
    name: 'the reconciler, every event lost',
    setup: async (house, scene) => {
      await withAgent('requested')(house, scene)
      house.aws.database.run('DELETE FROM sqs_message')
      house.clock.advanceSeconds(900)
    },
    run: async (house) => {
      for (let round = 0; round < 4; round += 1) {
        house.clock.advanceSeconds(60)
        house.aws.machines.advance()
        await house.reconcile()
        await house.standIns()
      }
      return null
    },
    check: isStatus('ready', 'failed'),
  },
  {
    name: 'the reconciler, strays that are due',
    setup: async (house, scene) => {
      await withAgent('ready')(house, scene)
      await leaveStrays(house, (await scene.tenant.get('/api/session')).body?.tenant?.id)
      house.clock.advanceSeconds(STRAY_SWEEP_SECONDS)
      await house.standIns()
      for (let kind = 0; kind < STRAY_KINDS.length; kind += 1) await house.reconcile()
      house.clock.advanceSeconds(STRAY_SWEEP_SECONDS)
      await house.standIns()
    },
    run: async (house) => {
      for (let kind = 0; kind < STRAY_KINDS.length; kind += 1) await house.reconcile()
      return null
    },
    check: async (_house, { tenant }) => {
      const { events } = (await tenant.get('/api/audit?limit=100')).body
      const told = events.filter(({ action }: { action: string }) => action === 'stray.ended').length
      return told === STRAY_KINDS.length ? null : `${told} strays were told of`
    },
  },
  {
    name: 'a machine that is terminated from outside',
    setup: async (house, scene) => {
      await withAgent('ready')(house, scene)
      house.aws.database.run("UPDATE ec2_instance SET state = 'terminated'")
    },
    run: async (house) => {
      house.clock.advanceSeconds(300)
      await house.reconcile()
      return null
    },
    check: isStatus('failed'),
  },
  {
    name: 'mail that is due',
    setup: async (house, { admin }) => {
      await house.invite(admin, { email: 'mailed@example.com' })
    },
    run: async (house) => {
      await house.sendMail()
      return null
    },
  },
  archiving('archive the trail', nothing),
  archiving('archive the trail again, its notes lost', async (house) => {
    await house.archive()
    house.aws.database.run('DELETE FROM ddb_item WHERE pk = ?', ARCHIVE_PARTITION)
  }),
]

/** Works the queue off while a call waits for it, as the provisioner would. */
const workUntil = async (house: Harness, answer: Promise<unknown>): Promise<void> => {
  let isAnswered = false
  const end = () => {
    isAnswered = true
  }
  answer.then(end, end)
  for (let round = 0; round < 400 && !isAnswered; round += 1) {
    await house.work()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
