import { DeleteCommand, type DynamoDBDocumentClient, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import { InviteId } from '../contract/ids.ts'
import { OUTBOX_PARTITION, outboxKey } from '../contract/names.ts'
import { StoredInstant } from '../contract/text.ts'
import type { Invite } from './invite.ts'

const StoredMail = z.object({
  inviteId: InviteId,
  codeHash: z.string(),
  sealedLink: z.string(),
  state: z.enum(['queued', 'sending']),
  changedAt: StoredInstant,
})
/** A mail that is still to be sent, or whose sending was begun. Its link is sealed under the key of the mail sender. */
export type OutboxMail = z.infer<typeof StoredMail>

/**
 * Mails to send, one row per invite, written in the transaction that makes the link. A row is claimed before it is sent and
 * removed after, so that a repeat of either side sends once.
 */
export const createMailOutbox = (deps: { dynamo: DynamoDBDocumentClient; directoryTable: string }) => {
  const { dynamo, directoryTable } = deps

  /** Moves a mail that still is as we saw it: the same code, the same state. */
  const change = async (mail: OutboxMail, state: OutboxMail['state'], now: Date): Promise<boolean> => {
    const changed = await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
      dynamo.send(
        new UpdateCommand({
          TableName: directoryTable,
          Key: outboxKey(mail.inviteId),
          UpdateExpression: 'SET #state = :state, changedAt = :now',
          ConditionExpression: 'codeHash = :codeHash AND #state = :was',
          ExpressionAttributeNames: { '#state': 'state' },
          ExpressionAttributeValues: {
            ':state': state,
            ':now': now.toISOString(),
            ':codeHash': mail.codeHash,
            ':was': mail.state,
          },
        }),
      ),
    )
    return changed.ok
  }

  return {
    /** A newer link takes the place of an older one that was not sent yet. */
    postStep: (invite: Pick<Invite, 'inviteId' | 'codeHash'>, sealedLink: string, now: Date): WriteAction => ({
      Put: {
        TableName: directoryTable,
        Item: {
          ...outboxKey(invite.inviteId),
          inviteId: invite.inviteId,
          codeHash: invite.codeHash,
          sealedLink,
          state: 'queued',
          changedAt: now.toISOString(),
        },
      },
    }),

    removeStep: (mail: OutboxMail): WriteAction => ({
      Delete: {
        TableName: directoryTable,
        Key: outboxKey(mail.inviteId),
        ConditionExpression: 'codeHash = :codeHash',
        ExpressionAttributeValues: { ':codeHash': mail.codeHash },
      },
    }),

    /** Takes out a mail whose link no longer works. A newer mail that took its place stays. */
    drop: async (mail: OutboxMail): Promise<void> => {
      await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
        dynamo.send(
          new DeleteCommand({
            TableName: directoryTable,
            Key: outboxKey(mail.inviteId),
            ConditionExpression: 'codeHash = :codeHash',
            ExpressionAttributeValues: { ':codeHash': mail.codeHash },
          }),
        ),
      )
    },

    list: async (limit: number): Promise<OutboxMail[]> => {
      const { Items } = await callAws('dynamodb', () =>
        dynamo.send(
          new QueryCommand({
            TableName: directoryTable,
            ConsistentRead: true,
            KeyConditionExpression: 'pk = :outbox',
            ExpressionAttributeValues: { ':outbox': OUTBOX_PARTITION },
            Limit: limit,
          }),
        ),
      )
      return (Items ?? []).map((item) => StoredMail.parse(item))
    },

    claim: (mail: OutboxMail, now: Date): Promise<boolean> => change(mail, 'sending', now),

    /** Gives a claimed mail back: the sender knows that it did not go out. */
    release: (mail: OutboxMail, now: Date): Promise<boolean> => change({ ...mail, state: 'sending' }, 'queued', now),
  }
}

export type MailOutbox = ReturnType<typeof createMailOutbox>
