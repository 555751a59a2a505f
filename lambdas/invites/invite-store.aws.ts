import { type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { callAws } from '../aws/errors.aws.ts'
import { queryPage } from '../aws/paging.aws.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import { Role } from '../contract/accounts.ts'
import { AccountId, InviteId, TenantId } from '../contract/ids.ts'
import type { InviteState } from '../contract/invites.ts'
import { bootstrapKey, inviteKey, LISTED_INDEX, pendingInviteKey } from '../contract/names.ts'
import { MailState } from '../contract/mail.ts'
import type { Page } from '../contract/paging.ts'
import { StoredInstant } from '../contract/text.ts'
import type { Invite } from './invite.ts'

const StoredInvite: z.ZodMiniType<Invite> = z.object({
  inviteId: InviteId,
  codeHash: z.string(),
  email: z.string(),
  role: Role,
  state: z.enum(['pending', 'redeemed', 'revoked']),
  tenantId: z.nullable(TenantId),
  tenantName: z.nullable(z.string()),
  opensTenant: z.boolean(),
  createdBy: z.union([AccountId, z.literal('operator')]),
  invitedBy: z.string(),
  validForHours: z.number(),
  createdAt: StoredInstant,
  expiresAt: StoredInstant,
  redeemedAt: z.optional(StoredInstant),
  mail: z.optional(z.object({ state: MailState, at: StoredInstant })),
})

const INVITE_LIST = 'INVITE'

/** A state as a filter on stored rows: pending and expired differ only by time. */
const stateFilter = (state: InviteState, now: Date) =>
  state === 'pending' || state === 'expired'
    ? {
        FilterExpression: `#state = :state AND expiresAt ${state === 'pending' ? '>' : '<='} :now`,
        values: { ':state': 'pending', ':now': now.toISOString() },
      }
    : { FilterExpression: '#state = :state', values: { ':state': state } }

const toStoredMail = (mail: Invite['mail']) =>
  mail === undefined ? undefined : { state: mail.state, at: mail.at.toISOString() }

export const createInviteStore = (deps: { dynamo: DynamoDBDocumentClient; directoryTable: string }) => {
  const { dynamo, directoryTable } = deps

  return {
    read: async (inviteId: InviteId): Promise<Invite | null> => {
      const { Item } = await callAws('dynamodb', () =>
        dynamo.send(new GetCommand({ TableName: directoryTable, Key: inviteKey(inviteId), ConsistentRead: true })),
      )
      return Item === undefined ? null : StoredInvite.parse(Item)
    },

    list: (page: Page, state: InviteState | undefined, now: Date) => {
      const filter = state === undefined ? undefined : stateFilter(state, now)
      return queryPage(
        dynamo,
        {
          TableName: directoryTable,
          IndexName: LISTED_INDEX,
          KeyConditionExpression: 'listed = :invites',
          FilterExpression: filter?.FilterExpression,
          ExpressionAttributeNames: filter === undefined ? undefined : { '#state': 'state' },
          ExpressionAttributeValues: { ':invites': INVITE_LIST, ...filter?.values },
        },
        { listed: INVITE_LIST },
        ['listedAt', 'pk', 'sk'],
        page,
        (item) => StoredInvite.parse(item),
      )
    },

    putStep: (invite: Invite): WriteAction => ({
      Put: {
        TableName: directoryTable,
        Item: {
          ...inviteKey(invite.inviteId),
          ...invite,
          createdAt: invite.createdAt.toISOString(),
          expiresAt: invite.expiresAt.toISOString(),
          mail: toStoredMail(invite.mail),
          listed: INVITE_LIST,
          listedAt: invite.createdAt.toISOString(),
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    }),

    /** Claims the address for one pending invite; a claim whose invite expired may be taken over. */
    claimAddressStep: (invite: Pick<Invite, 'email' | 'inviteId' | 'expiresAt'>, now: Date): WriteAction => ({
      Put: {
        TableName: directoryTable,
        Item: {
          ...pendingInviteKey(invite.email),
          inviteId: invite.inviteId,
          expiresAt: invite.expiresAt.toISOString(),
        },
        ConditionExpression: 'attribute_not_exists(pk) OR expiresAt <= :now OR inviteId = :inviteId',
        ExpressionAttributeValues: { ':now': now.toISOString(), ':inviteId': invite.inviteId },
      },
    }),

    releaseAddressStep: (invite: Pick<Invite, 'email' | 'inviteId'>): WriteAction => ({
      Delete: {
        TableName: directoryTable,
        Key: pendingInviteKey(invite.email),
        ConditionExpression: 'attribute_not_exists(pk) OR inviteId = :inviteId',
        ExpressionAttributeValues: { ':inviteId': invite.inviteId },
      },
    }),

    /** Gives a pending or expired invite a new code and a new end; refused when its code changed or it is final. */
    renewStep: (invite: Invite, renewed: Invite): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: inviteKey(invite.inviteId),
        UpdateExpression:
          renewed.mail === undefined
            ? 'SET codeHash = :next, expiresAt = :expiresAt REMOVE mail'
            : 'SET codeHash = :next, expiresAt = :expiresAt, mail = :mail',
        ConditionExpression: '#state = :pending AND codeHash = :was',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: {
          ':next': renewed.codeHash,
          ':was': invite.codeHash,
          ':expiresAt': renewed.expiresAt.toISOString(),
          ':pending': 'pending',
          ...(renewed.mail === undefined ? {} : { ':mail': toStoredMail(renewed.mail) }),
        },
      },
    }),

    /** Notes what became of the mail with this very code. What SES says later stays: only a queued mail becomes sent. */
    mailStateStep: (
      mail: Pick<Invite, 'inviteId' | 'codeHash'>,
      state: MailState,
      { now, onlyQueued }: { now: Date; onlyQueued: boolean },
    ): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: inviteKey(mail.inviteId),
        UpdateExpression: 'SET mail = :mail',
        ConditionExpression: onlyQueued ? 'codeHash = :codeHash AND mail.#state = :queued' : 'codeHash = :codeHash',
        ...(onlyQueued ? { ExpressionAttributeNames: { '#state': 'state' } } : {}),
        ExpressionAttributeValues: {
          ':mail': toStoredMail({ state, at: now }),
          ':codeHash': mail.codeHash,
          ...(onlyQueued ? { ':queued': 'queued' } : {}),
        },
      },
    }),

    revokeStep: (inviteId: InviteId): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: inviteKey(inviteId),
        UpdateExpression: 'SET #state = :revoked',
        ConditionExpression: '#state = :pending',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: { ':revoked': 'revoked', ':pending': 'pending' },
      },
    }),

    /** Uses the invite up: still pending, not expired, still under this very code. */
    redeemStep: (invite: Invite, accountId: AccountId, now: Date): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: inviteKey(invite.inviteId),
        UpdateExpression: 'SET #state = :redeemed, redeemedAt = :now, redeemedBy = :accountId',
        ConditionExpression: '#state = :pending AND expiresAt > :now AND codeHash = :codeHash',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: {
          ':redeemed': 'redeemed',
          ':pending': 'pending',
          ':now': now.toISOString(),
          ':accountId': accountId,
          ':codeHash': invite.codeHash,
        },
      },
    }),

    /** The operator's one invite for the first admin: taken once for ever. */
    bootstrapStep: (inviteId: InviteId): WriteAction => ({
      Put: {
        TableName: directoryTable,
        Item: { ...bootstrapKey, inviteId },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    }),

    readBootstrap: async (): Promise<InviteId | null> => {
      const { Item } = await callAws('dynamodb', () =>
        dynamo.send(new GetCommand({ TableName: directoryTable, Key: bootstrapKey, ConsistentRead: true })),
      )
      return Item === undefined ? null : InviteId.parse(Item.inviteId)
    },
  }
}

export type InviteStore = ReturnType<typeof createInviteStore>
