import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { describe, expect, it } from 'vitest'
import { TenantId } from '../../../lambdas/contract/ids.ts'
import { LaunchDueEvent } from '../../../lambdas/contract/provisioning.ts'
import { handleQueueEvent } from '../../../lambdas/entry/queue-handler.ts'
import { handleEvent } from '../../../lambdas/provisioning/handle-event.ts'
import type { AwsCall } from '../../../local/aws/service.ts'
import type { Browser } from '../../support/browser.ts'
import { createHarness, CREDENTIALS, type Harness } from '../../support/harness.ts'

const MANY = 100

const SENT_GROUP = /"MessageGroupId":"(ten_\w+)"/

/** Two tenants; whose agents EC2 was asked to launch, in order; and every message that was put into a queue. */
const withTwoTenants = async () => {
  const served: string[] = []
  const sent: AwsCall[] = []
  const house = await createHarness({
    hook: (call, proceed) => {
      if (call.operation === 'RunInstances') served.push(JSON.stringify(call.input).match(/ten_\w+/)?.[0] ?? '')
      if (call.operation === 'SendMessage') sent.push(call)
      return proceed()
    },
  })
  house.deps.agentsPerTenant = MANY
  const admin = await house.joinAsAdmin()
  const join = async (email: string) => {
    const browser = await house.join(admin, email)
    return { browser, tenantId: TenantId.parse((await browser.get('/api/session')).body.tenant.id) }
  }
  const onboard = async (browser: Browser, name: string): Promise<void> => {
    const { status } = await browser.post('/api/agents', {
      name,
      credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken },
    })
    expect(status).toBe(202)
  }
  return { house, served, sent, onboard, a: await join('ana@example.com'), b: await join('bob@example.com') }
}

/** Lambda's pollers at the provisioner's queues, one message to a call of its handler, as the templates say. */
const asLambda = (house: Harness) => {
  const handler = handleQueueEvent(house.deps.logger, (event) => handleEvent(house.provisioning, event))
  const poll = async (name: string): Promise<number> => {
    const [queue] = house.aws.database.all('SELECT url FROM sqs_queue WHERE url LIKE ?', `%/${name}`)
    const QueueUrl = String(queue?.url)
    const { Messages: [message] = [] } = await house.clients.sqs.send(new ReceiveMessageCommand({ QueueUrl }))
    if (message === undefined) return 0
    const { MessageId: messageId, Body: body, ReceiptHandle } = message
    expect(await handler({ Records: [{ messageId, body }] })).toEqual({ batchItemFailures: [] })
    await house.clients.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    return 1
  }
  return { workLaunches: () => poll('vestibule-launches'), workOthers: () => poll('vestibule-provisioner') }
}

const WORKERS = { 'on one machine': (house: Harness) => house, 'behind Lambda': asLambda }

describe('the line for machines', () => {
  it.each(Object.entries(WORKERS))(
    'S13 serves the one agent of a tenant next, of a hundred of another that came before, %s',
    async (_name, workersOf) => {
      const { house, served, onboard, a, b } = await withTwoTenants()
      const { workLaunches, workOthers } = workersOf(house)
      for (let index = 0; index < MANY; index += 1) await onboard(a.browser, `A ${index}`)
      while ((await workOthers()) > 0);
      await workLaunches()
      const before = served.length
      await onboard(b.browser, 'B')
      while ((await workOthers()) > 0);

      while ((await workLaunches()) > 0);

      expect(served.slice(before, before + 2)).toContain(b.tenantId)
      expect(served.filter((tenantId) => tenantId === a.tenantId)).toHaveLength(MANY)
      expect(served).toHaveLength(MANY + 1)
      const machines = house.aws.database.all('SELECT tags FROM ec2_instance').map(({ tags }) => String(tags))
      expect(new Set(machines.map((tags) => tags.match(/agt_\w+/)?.[0])).size).toBe(MANY + 1)
      expect(machines).toHaveLength(MANY + 1)
    },
    30_000,
  )

  it('S13 is joined under the tenant’s id, by ids alone, and what stands in it puts nobody into it', async () => {
    const { house, sent, onboard, a } = await withTwoTenants()
    await onboard(a.browser, 'A')
    await house.settle()

    expect(sent.map(({ input }) => JSON.stringify(input).match(SENT_GROUP)?.[1])).toEqual([a.tenantId])
    const [{ MessageBody = '' } = {}] = sent.map(({ input }) => input as { MessageBody?: string })
    expect(LaunchDueEvent.parse(JSON.parse(MessageBody)).detail.tenantId).toBe(a.tenantId)
    expect((await a.browser.get('/api/agents')).body.agents[0].status).toBe('ready')
  })

  it('S13 launches once whom a crash between send and delete put into it twice', async () => {
    const { house, served, sent, onboard, a } = await withTwoTenants()
    await onboard(a.browser, 'A')
    const [request] = house.aws.database.all('SELECT body FROM sqs_message')
    for (let copy = 0; copy < 2; copy += 1) await handleEvent(house.provisioning, JSON.parse(String(request?.body)))
    await house.settle()

    expect([sent.length, served.length]).toEqual([3, 1])
    expect(house.aws.database.all('SELECT id FROM ec2_instance')).toHaveLength(1)
  })

  it('O5 takes from it what an earlier version left there: the request itself', async () => {
    const { house, served, onboard, a } = await withTwoTenants()
    await onboard(a.browser, 'A')
    house.aws.database.run(
      "UPDATE sqs_message SET queue = (SELECT url FROM sqs_queue WHERE url LIKE '%/vestibule-launches')",
    )
    await house.settle()

    expect(served).toEqual([a.tenantId])
    expect((await a.browser.get('/api/agents')).body.agents[0].status).toBe('ready')
  })

  it('refuses a message that says more than whose turn it is', async () => {
    const { house, a } = await withTwoTenants()
    const detail = { tenantId: a.tenantId, agentId: `agt_${'0'.repeat(26)}`, command: 'rm' }

    expect(await handleEvent(house.provisioning, { 'detail-type': 'Launch Due', detail })).toEqual({
      ok: false,
      failure: { reason: 'event_unreadable' },
    })
  })
})
