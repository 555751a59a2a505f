import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import type { Clock } from '../../lambdas/core/clock.ts'
import type { Random } from '../../lambdas/core/random.ts'
import { type Database, numberOf, textOf } from './database.ts'
import { EventPattern, matchesPattern } from './event-pattern.ts'
import { AwsFault, type Service } from './service.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sqs_queue (
    url TEXT PRIMARY KEY, arn TEXT UNIQUE, visibility INTEGER NOT NULL, dead_letter TEXT, max_receives INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sqs_message (
    id TEXT PRIMARY KEY, queue TEXT NOT NULL, body TEXT NOT NULL, visible_at INTEGER NOT NULL, receives INTEGER NOT NULL,
    receipt TEXT) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS sqs_visible ON sqs_message (queue, visible_at);
  CREATE TABLE IF NOT EXISTS sqs_group (
    message TEXT PRIMARY KEY REFERENCES sqs_message (id) ON DELETE CASCADE, name TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sqs_served (
    queue TEXT, name TEXT, turn INTEGER NOT NULL, PRIMARY KEY (queue, name)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS eb_rule (name TEXT PRIMARY KEY, pattern TEXT NOT NULL, target TEXT) WITHOUT ROWID;
`

const CreateQueueInput = z.object({ QueueName: z.string(), Attributes: z.record(z.string(), z.string()).optional() })
const Redrive = z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number() })
const SendInput = z.object({
  QueueUrl: z.string(),
  MessageBody: z.string().max(262_144),
  MessageGroupId: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/)
    .optional(),
  DelaySeconds: z.number().optional(),
})
const ReceiveInput = z.object({ QueueUrl: z.string(), MaxNumberOfMessages: z.number().min(1).max(10).optional() })
const DeleteInput = z.object({ QueueUrl: z.string(), ReceiptHandle: z.string() })
const VisibilityInput = z.object({ QueueUrl: z.string(), ReceiptHandle: z.string(), VisibilityTimeout: z.number() })
const PutRuleInput = z.object({ Name: z.string(), EventPattern: z.string() })
const PutTargetsInput = z.object({
  Rule: z.string(),
  Targets: z.array(z.object({ Id: z.string(), Arn: z.string() })).length(1),
})
const PutEventsInput = z.object({
  Entries: z
    .array(z.object({ Source: z.string(), DetailType: z.string(), Detail: z.string() }))
    .min(1)
    .max(10),
})
const DEFAULT_VISIBILITY_SECONDS = 30

/**
 * Who is next. Amazon SQS developer guide, "How Amazon SQS fair queues work": a group with more than its share of the consumers
 * comes behind the others, and a message without a group is one by itself. Here that share is exact: last served, last in turn.
 */
const NEXT = `
  SELECT sqs_message.*, sqs_group.name AS group_name FROM sqs_message
  LEFT JOIN sqs_group ON sqs_group.message = sqs_message.id
  LEFT JOIN sqs_served ON sqs_served.queue = sqs_message.queue AND sqs_served.name = sqs_group.name
  WHERE sqs_message.queue = ? AND visible_at <= ? ORDER BY coalesce(turn, 0), visible_at, id LIMIT 1`

/** SQS and EventBridge: at-least-once queues with dead letters, and rules that put events on them. */
export const createQueues = (
  database: Database,
  clock: Clock,
  place: { region: string; accountId: string },
  random: Random,
) => {
  database.define(SCHEMA)

  const urlOf = (name: string): string => `http://embedded/${place.accountId}/${name}`
  const arnOf = (name: string): string => `arn:aws:sqs:${place.region}:${place.accountId}:${name}`

  const queueOf = (url: string) => {
    const row = database.get('SELECT * FROM sqs_queue WHERE url = ?', url)
    if (row === null) throw new AwsFault('QueueDoesNotExist', 'The specified queue does not exist.')
    return row
  }

  const send = (url: string, body: string, { delaySeconds = 0, group = '' } = {}): string => {
    const id = random.bytes(16).toString('hex')
    database.run(
      'INSERT INTO sqs_message (id, queue, body, visible_at, receives) VALUES (?, ?, ?, ?, 0)',
      ...[id, url, body, clock.now().getTime() + delaySeconds * 1000],
    )
    if (group !== '') database.run('INSERT INTO sqs_group (message, name) VALUES (?, ?)', id, group)
    return id
  }

  const noteServed = (url: string, group: string): void => {
    database.run(
      `INSERT INTO sqs_served (queue, name, turn) SELECT ?, ?, coalesce(max(turn), 0) + 1 FROM sqs_served WHERE queue = ?
       ON CONFLICT (queue, name) DO UPDATE SET turn = excluded.turn`,
      ...[url, group, url],
    )
  }

  const receive = (url: string, limit: number) => {
    const queue = queueOf(url)
    const now = clock.now().getTime()
    const messages = []
    for (let taken = 0; taken < limit; taken += 1) {
      const row = database.get(NEXT, url, now)
      if (row === null) break
      const deadLetter = textOf(queue, 'dead_letter')
      if (deadLetter !== '' && Number(row.receives) >= Number(queue.max_receives)) {
        database.run(
          'UPDATE sqs_message SET queue = (SELECT url FROM sqs_queue WHERE arn = ?), receives = 0 WHERE id = ?',
          deadLetter,
          textOf(row, 'id'),
        )
        continue
      }
      const receipt = randomUUID()
      database.run(
        'UPDATE sqs_message SET receives = receives + 1, visible_at = ?, receipt = ? WHERE id = ?',
        ...[now + Number(queue.visibility) * 1000, receipt, textOf(row, 'id')],
      )
      if (textOf(row, 'group_name') !== '') noteServed(url, textOf(row, 'group_name'))
      messages.push({
        MessageId: textOf(row, 'id'),
        ReceiptHandle: receipt,
        Body: textOf(row, 'body'),
        Attributes: { ApproximateReceiveCount: String(Number(row.receives) + 1) },
      })
    }
    return messages
  }

  const publish = (source: string, detailType: string, detail: unknown): void => {
    const body = {
      version: '0',
      id: randomUUID(),
      'detail-type': detailType,
      source,
      account: place.accountId,
      time: clock.now().toISOString(),
      region: place.region,
      resources: [],
      detail,
    }
    for (const rule of database.all('SELECT * FROM eb_rule WHERE target IS NOT NULL')) {
      const pattern = EventPattern.parse(JSON.parse(textOf(rule, 'pattern')))
      if (!matchesPattern(pattern, body)) continue
      const queue = database.get('SELECT url FROM sqs_queue WHERE arn = ?', textOf(rule, 'target'))
      if (queue !== null) send(textOf(queue, 'url'), JSON.stringify(body))
    }
  }

  const sqs: Service = {
    CreateQueue: (raw) => {
      const { QueueName, Attributes = {} } = CreateQueueInput.parse(raw)
      const redrive =
        Attributes.RedrivePolicy === undefined ? null : Redrive.parse(JSON.parse(Attributes.RedrivePolicy))
      database.run(
        'INSERT OR REPLACE INTO sqs_queue (url, arn, visibility, dead_letter, max_receives) VALUES (?, ?, ?, ?, ?)',
        ...[urlOf(QueueName), arnOf(QueueName), Number(Attributes.VisibilityTimeout ?? DEFAULT_VISIBILITY_SECONDS)],
        ...[redrive?.deadLetterTargetArn ?? '', redrive?.maxReceiveCount ?? 0],
      )
      return { QueueUrl: urlOf(QueueName) }
    },
    GetQueueAttributes: (raw) => {
      const { QueueUrl } = z.object({ QueueUrl: z.string() }).parse(raw)
      const queue = queueOf(QueueUrl)
      const count = database.get('SELECT count(*) AS n FROM sqs_message WHERE queue = ?', QueueUrl)
      return {
        Attributes: { QueueArn: textOf(queue, 'arn'), ApproximateNumberOfMessages: String(numberOf(count, 'n')) },
      }
    },
    SendMessage: (raw) => {
      const input = SendInput.parse(raw)
      queueOf(input.QueueUrl)
      const { QueueUrl, MessageBody, DelaySeconds: delaySeconds, MessageGroupId: group } = input
      return { MessageId: database.transaction(() => send(QueueUrl, MessageBody, { delaySeconds, group })) }
    },
    ReceiveMessage: (raw) => {
      const input = ReceiveInput.parse(raw)
      return { Messages: database.transaction(() => receive(input.QueueUrl, input.MaxNumberOfMessages ?? 1)) }
    },
    DeleteMessage: (raw) => {
      const input = DeleteInput.parse(raw)
      database.run('DELETE FROM sqs_message WHERE queue = ? AND receipt = ?', input.QueueUrl, input.ReceiptHandle)
      return {}
    },
    ChangeMessageVisibility: (raw) => {
      const input = VisibilityInput.parse(raw)
      database.run(
        'UPDATE sqs_message SET visible_at = ? WHERE queue = ? AND receipt = ?',
        ...[clock.now().getTime() + input.VisibilityTimeout * 1000, input.QueueUrl, input.ReceiptHandle],
      )
      return {}
    },
  }

  const eventBridge: Service = {
    PutRule: (raw) => {
      const input = PutRuleInput.parse(raw)
      EventPattern.parse(JSON.parse(input.EventPattern))
      database.run(
        'INSERT INTO eb_rule (name, pattern) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET pattern = excluded.pattern',
        ...[input.Name, input.EventPattern],
      )
      return { RuleArn: `arn:aws:events:${place.region}:${place.accountId}:rule/${input.Name}` }
    },
    PutTargets: (raw) => {
      const input = PutTargetsInput.parse(raw)
      database.run('UPDATE eb_rule SET target = ? WHERE name = ?', input.Targets[0]?.Arn ?? '', input.Rule)
      return { FailedEntryCount: 0, FailedEntries: [] }
    },
    PutEvents: (raw) => {
      const { Entries } = PutEventsInput.parse(raw)
      for (const entry of Entries) publish(entry.Source, entry.DetailType, JSON.parse(entry.Detail))
      return { FailedEntryCount: 0, Entries: Entries.map(() => ({ EventId: randomUUID() })) }
    },
  }

  /** Gives back what was received and not deleted: whoever held it is known to be gone. */
  const releaseReceived = (): void => {
    database.run('UPDATE sqs_message SET visible_at = ? WHERE receipt IS NOT NULL', clock.now().getTime())
  }

  return { sqs, eventBridge, publish, releaseReceived }
}

export type Queues = ReturnType<typeof createQueues>
