import assert from 'node:assert/strict'
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs'
import { type Browser, must } from '../../test/support/browser.ts'
import { createHarness } from '../../test/support/harness.ts'
import { PLANTED } from '../agents.ts'
import type { Report } from '../report.ts'

const TENANTS = 5
const AGENTS_EACH = 10
const MAX_ROUNDS = 240

/** Fifty people at once, on an embedded AWS of its own, with stand-ins for the machines: this one is about the queue. */
export const burst = async (report: Report): Promise<void> => {
  report.chapter(`${TENANTS * AGENTS_EACH} onboardings in a burst`)
  const house = await createHarness()
  const admin = await house.joinAsAdmin()
  const tenants: Browser[] = []
  for (let place = 0; place < TENANTS; place += 1) tenants.push(await house.join(admin, `burst${place}@example.com`))
  const startedAt = performance.now()
  const body = { supportAccess: true, credentials: { claudeCodeToken: PLANTED.claudeCodeToken } }
  const onboarded = await Promise.all(
    tenants.flatMap((tenant) =>
      Array.from({ length: AGENTS_EACH }, async (_, place) =>
        must(await tenant.post('/api/agents', { ...body, name: `Agent ${place}` }), 202, 'onboarding'),
      ),
    ),
  )
  const readStatuses = async (): Promise<string[]> => {
    const lists = await Promise.all(tenants.map((tenant) => tenant.get('/api/agents')))
    return lists.flatMap((reply) => must(reply, 200, 'list').agents.map((agent: { status: string }) => agent.status))
  }
  const clockStartedAt = house.clock.now().getTime()
  let rounds = 0
  while ((await readStatuses()).some((status) => status !== 'ready') && rounds < MAX_ROUNDS) {
    await house.settle(1)
    await house.reconcile()
    rounds += 1
  }
  const ids = onboarded.map(({ agent }) => String(agent.id))
  report.note(
    `${((performance.now() - startedAt) / 1000).toFixed(1)} s here, ${(house.clock.now().getTime() - clockStartedAt) / 1000} s by the clock of the embedded AWS`,
  )
  await report.check('each is ready', async () => {
    assert.deepEqual(
      await readStatuses(),
      ids.map(() => 'ready'),
    )
  })
  await report.check('each has one instance, and no instance is nobody’s', async () => {
    const instances = house.aws.database.all('SELECT tags FROM ec2_instance').map(({ tags }) => String(tags))
    assert.equal(instances.length, ids.length)
    for (const id of ids) assert.equal(instances.filter((tags) => tags.includes(id)).length, 1, id)
  })
  await report.check('each has one secret, each tenant one key, and nothing went to the dead letters', async () => {
    const secrets = house.aws.database.all(
      "SELECT name FROM sm_secret WHERE name LIKE '%/agent/%' AND deletion IS NULL",
    )
    assert.deepEqual(secrets.map(({ name }) => String(name).split('/').at(-1)).toSorted(), ids.toSorted())
    const keys = house.aws.database.all("SELECT name FROM kms_alias WHERE name LIKE '%/tenant/%'")
    assert.equal(keys.length, TENANTS)
    const { Attributes } = await house.clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: house.deadLetterUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
    )
    assert.equal(Attributes?.ApproximateNumberOfMessages ?? '0', '0')
  })
  house.aws.close()
}
