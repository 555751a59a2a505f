import { type DynamoDBDocumentClient, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { batchGet } from '../aws/batch-get.aws.ts'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import type { AccountId, SessionId, TenantId } from '../contract/ids.ts'
import { accountKey, sessionKey, tenantKey } from '../contract/names.ts'
import { toEpochSeconds } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Account, Session, Tenant } from './principal.ts'
import { sessionExpiry } from './session-lifetime.ts'
import type { SessionClaim } from './session-token.ts'
import { StoredAccount, StoredSession, StoredTenant } from './stored.ts'

export const createSessionStore = (deps: {
  dynamo: DynamoDBDocumentClient
  directoryTable: string
  random: Random
}) => {
  const { dynamo, directoryTable, random } = deps

  return {
    /** Session, account and tenant as they are now, in one consistent read. */
    read: async (
      claim: SessionClaim,
    ): Promise<{ session: Session | null; account: Account | null; tenant: Tenant | null }> => {
      const keys = [sessionKey(claim.accountId, claim.sessionId), accountKey(claim.accountId)]
      const withTenant = claim.tenantId === null ? keys : [...keys, tenantKey(claim.tenantId)]
      const [session = null, account = null, tenant = null] = await batchGet(dynamo, random, directoryTable, withTenant)
      return {
        session: session === null ? null : StoredSession.parse(session),
        account: account === null ? null : StoredAccount.parse(account),
        tenant: tenant === null ? null : StoredTenant.parse(tenant),
      }
    },

    list: async (accountId: AccountId): Promise<Session[]> => {
      const { Items } = await callAws('dynamodb', () =>
        dynamo.send(
          new QueryCommand({
            TableName: directoryTable,
            ConsistentRead: true,
            KeyConditionExpression: 'pk = :pk AND begins_with(sk, :sessions)',
            ExpressionAttributeValues: { ':pk': accountKey(accountId).pk, ':sessions': 'SESSION#' },
          }),
        ),
      )
      return (Items ?? []).map((item) => StoredSession.parse(item))
    },

    /** Moves `lastSeenAt`; never revives a session that has ended meanwhile. */
    touch: async (session: Session, account: Account, now: Date): Promise<void> => {
      await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
        dynamo.send(
          new UpdateCommand({
            TableName: directoryTable,
            Key: sessionKey(session.accountId, session.sessionId),
            UpdateExpression: 'SET lastSeenAt = :now, expiresAt = :expiresAt',
            ConditionExpression: 'attribute_exists(pk) AND lastSeenAt = :was',
            ExpressionAttributeValues: {
              ':now': now.toISOString(),
              ':was': session.lastSeenAt.toISOString(),
              ':expiresAt': toEpochSeconds(sessionExpiry(account.role, session.createdAt, now)),
            },
          }),
        ),
      )
    },

    putStep: (session: Session, role: Account['role']): WriteAction => ({
      Put: {
        TableName: directoryTable,
        Item: {
          ...sessionKey(session.accountId, session.sessionId),
          ...session,
          createdAt: session.createdAt.toISOString(),
          lastSeenAt: session.lastSeenAt.toISOString(),
          expiresAt: toEpochSeconds(sessionExpiry(role, session.createdAt, session.lastSeenAt)),
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    }),

    /** Ends one session; its condition fails when that session is not there. */
    endStep: (accountId: AccountId, sessionId: SessionId): WriteAction => ({
      Delete: {
        TableName: directoryTable,
        Key: sessionKey(accountId, sessionId),
        ConditionExpression: 'attribute_exists(pk)',
      },
    }),

    /** Ends one session if it is there. */
    evictStep: (accountId: AccountId, sessionId: SessionId): WriteAction => ({
      Delete: { TableName: directoryTable, Key: sessionKey(accountId, sessionId) },
    }),

    /**
     * Ends every session of an account that is older than the given sequence. Where a session asks for it, that one must still
     * stand: what has ended it meanwhile is not undone by keeping it.
     */
    endAllStep: (accountId: AccountId, sequence: number, asking: Session | null): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: accountKey(accountId),
        UpdateExpression: 'SET sessionsEndedAt = :sequence',
        ConditionExpression: asking === null ? 'attribute_exists(pk)' : 'sessionsEndedAt <= :asking',
        ExpressionAttributeValues: {
          ':sequence': sequence,
          ...(asking === null ? {} : { ':asking': asking.sequence }),
        },
      },
    }),

    /** Holds while the account has not ended this session together with others. */
    checkNotEndedStep: ({ accountId, sequence }: Session): WriteAction => ({
      ConditionCheck: {
        TableName: directoryTable,
        Key: accountKey(accountId),
        ConditionExpression: 'sessionsEndedAt <= :sequence',
        ExpressionAttributeValues: { ':sequence': sequence },
      },
    }),

    /** Holds while the tenant has not been suspended since this session began. */
    checkTenantStep: (tenantId: TenantId, { sequence }: Session): WriteAction => ({
      ConditionCheck: {
        TableName: directoryTable,
        Key: tenantKey(tenantId),
        ConditionExpression: 'sessionsEndedAt <= :sequence',
        ExpressionAttributeValues: { ':sequence': sequence },
      },
    }),

    /** Holds while this session has not been ended by itself. */
    checkThereStep: ({ accountId, sessionId }: Session): WriteAction => ({
      ConditionCheck: {
        TableName: directoryTable,
        Key: sessionKey(accountId, sessionId),
        ConditionExpression: 'attribute_exists(pk)',
      },
    }),

    /** Lets one session outlive an `endAllStep` of the same transaction. */
    keepStep: (accountId: AccountId, sessionId: SessionId, sequence: number): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: sessionKey(accountId, sessionId),
        UpdateExpression: 'SET #sequence = :sequence',
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeNames: { '#sequence': 'sequence' },
        ExpressionAttributeValues: { ':sequence': sequence },
      },
    }),
  }
}

export type SessionStore = ReturnType<typeof createSessionStore>
