import { PutObjectCommand } from '@aws-sdk/client-s3'
import * as z from 'zod/mini'
import { PROVISION_VERBS } from '../../lambdas/contract/provisioning.ts'
import { handleQueueEvent } from '../../lambdas/entry/queue-handler.ts'
import { recordMailEvent } from '../../lambdas/invites/record-mail-event.ts'
import { handleEvent } from '../../lambdas/provisioning/handle-event.ts'
import type { Dice } from '../support/dice.ts'
import { bend, breakJson, wildText } from './fuzz-values.ts'
import type { FuzzWorld } from './fuzz-world.ts'

/** Events as queues would bring them: real ones, old ones, foreign ones, and ones that nobody of ours wrote. */

const STATES = ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated', 'rebooting']
const UNKNOWN = '0123456789abcdefghjkmnpqrs'

const objectCreated = (name: string, key: string) => ({
  'detail-type': 'Object Created',
  source: 'aws.s3',
  detail: { bucket: { name }, object: { key, size: 1, etag: '""' } },
})

/** What an attacker who can write to the bucket would leave there, half of it under the very key that it names. */
const forgeRequest = (world: FuzzWorld, dice: Dice): { Key: string; Body: string | Buffer } => {
  const [agentId = `agt_${UNKNOWN}`] = world.pools.of(`agents of ${dice.pick(['ana', 'bob'])}`)
  const tenantId = dice.pick(world.pools.of('tenants'))
  const requestId = `req_${UNKNOWN.slice(0, 20)}${dice.text(6, '0123456789')}`
  const verb = dice.pick(PROVISION_VERBS)
  const document = {
    version: 1,
    ...{ requestId, tenantId, agentId, verb },
    requestedAt: '2026-11-21T09:00:00.000Z',
    supportAccess: true,
    credentials: {
      claudeCodeToken: true,
      anthropicApiKey: false,
      githubToken: false,
      slackBotToken: false,
      slackAppToken: false,
    },
  }
  const text = JSON.stringify(dice.chance(0.7) ? bend(dice, document) : document) ?? ''
  return {
    Key: `requests/${verb}/${dice.chance(0.5) ? `${tenantId}/${agentId}/${requestId}` : requestId}.json`,
    Body: dice.chance(0.3) ? breakJson(dice, text) : text,
  }
}

const someEvent = async (world: FuzzWorld, dice: Dice): Promise<unknown> => {
  const { house, pools } = world
  const { requestsBucket } = house.names
  const keys = house.aws.database.all('SELECT key FROM s3_object').map(({ key }) => String(key))
  const machines = house.aws.database.all('SELECT id FROM ec2_instance').map(({ id }) => String(id))
  switch (dice.number(5)) {
    case 0:
      return objectCreated(requestsBucket, dice.chance(0.6) && keys.length > 0 ? dice.pick(keys) : wildText(dice))
    case 1: {
      const { Key, Body } = forgeRequest(world, dice)
      await house.clients.s3.send(new PutObjectCommand({ Bucket: requestsBucket, Key, Body }))
      return objectCreated(requestsBucket, Key)
    }
    case 2:
      return {
        'detail-type': 'EC2 Instance State-change Notification',
        source: 'aws.ec2',
        detail: { 'instance-id': dice.pick([...machines, 'i-0', wildText(dice)]), state: dice.pick(STATES) },
      }
    case 3: {
      const agents = pools.of(`agents of ${dice.pick(['ana', 'bob'])}`)
      const agentId = dice.pick([...agents, `agt_${UNKNOWN}`, wildText(dice)])
      return { 'detail-type': 'Launch Due', detail: { tenantId: dice.pick(pools.of('tenants')), agentId } }
    }
    default:
      return {
        source: 'aws.ses',
        'detail-type': dice.pick([
          'Email Bounced',
          'Email Rejected',
          'Email Rendering Failed',
          'Email Complaint Received',
        ]),
        detail: {
          mail: { tags: { invite: [dice.pick([...pools.of('invites'), `inv_${UNKNOWN}`])], code: [wildText(dice)] } },
        },
      }
  }
}

const bodyOf = async (world: FuzzWorld, dice: Dice): Promise<string> => {
  const event = await someEvent(world, dice)
  const secret = dice.pick(world.passwords)
  const bent = dice.chance(0.5) ? bend(dice, dice.chance(0.3) ? { ...(event as object), secret } : event) : event
  const text = JSON.stringify(bent) ?? ''
  const broken = dice.chance(0.15) ? breakJson(dice, text) : text
  return broken.toString()
}

const BatchAnswer = z.strictObject({ batchItemFailures: z.array(z.strictObject({ itemIdentifier: z.string() })) })

/** The two entries that take queues, each called with one batch. Says what is wrong with what came of it. */
export const createEventFuzz = (world: FuzzWorld, dice: Dice) => {
  const { house } = world
  const { logger } = house.deps
  const entries = {
    provisioner: handleQueueEvent(logger, (event) => handleEvent(house.provisioning, event)),
    mailer: handleQueueEvent(logger, (event) => recordMailEvent(house.mail, event)),
  }
  return async (): Promise<{ summary: string; found: string[] }> => {
    const name = dice.pick(['provisioner', 'provisioner', 'mailer'] as const)
    const Records: { messageId: string; body: string }[] = []
    for (let at = 0; at < dice.pick([1, 1, 2]); at += 1)
      Records.push({ messageId: `message-${at}`, body: await bodyOf(world, dice) })
    const before = house.logs.length
    const answer = BatchAnswer.safeParse(await entries[name]({ Records }))
    const found = answer.success ? [] : ['answers SQS in another shape']
    if (answer.data?.batchItemFailures.some((item) => !Records.some((one) => one.messageId === item.itemIdentifier)))
      found.push('names a message that it was not given')
    // Nothing fails for now in here: whatever is to be tried again would be so for ever.
    for (const line of house.logs.slice(before).filter((one) => one.includes('will be tried again')))
      found.push(line.trim())
    return { summary: `${name} ${JSON.stringify(Records)}`, found }
  }
}
