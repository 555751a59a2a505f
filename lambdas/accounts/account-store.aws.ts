import { type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { callAws } from '../aws/errors.aws.ts'
import { queryIndexPage } from '../aws/paging.aws.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import { Role } from '../contract/accounts.ts'
import { SESSIONS_PER_ACCOUNT } from '../contract/facts.ts'
import { AccountId, SessionId, TenantId } from '../contract/ids.ts'
import { accountKey, adminCountKey, LISTED_INDEX, signInKey } from '../contract/names.ts'
import { StoredInstant } from '../contract/text.ts'
import type { Page } from '../contract/paging.ts'
import type { Account } from '../sessions/principal.ts'
import { StoredAccount } from '../sessions/stored.ts'

/**
 * What a sign-in needs, found by e-mail in one read. Role, tenant and names repeat the account's row, which decides: the
 * transaction of a sign-in checks that they still agree.
 */
const StoredSignIn = z.object({
  accountId: AccountId,
  email: z.string(),
  role: Role,
  tenantId: z.nullable(TenantId),
  tenantName: z.nullable(z.string()),
  passwordHash: z.string(),
  /** Ids of the latest sessions, oldest first: what lets a new sign-in end the oldest without counting. */
  sessionIds: z.array(SessionId),
  version: z.number(),
  createdAt: StoredInstant,
})
export type SignIn = z.infer<typeof StoredSignIn>

const STAFF_LIST = 'STAFF'

export const createAccountStore = (deps: { dynamo: DynamoDBDocumentClient; directoryTable: string }) => {
  const { dynamo, directoryTable } = deps

  const read = async (key: { pk: string; sk: string }): Promise<Record<string, unknown> | null> => {
    const { Item } = await callAws('dynamodb', () =>
      dynamo.send(new GetCommand({ TableName: directoryTable, Key: key, ConsistentRead: true })),
    )
    return Item ?? null
  }

  return {
    readSignIn: async (email: string): Promise<SignIn | null> => {
      const item = await read(signInKey(email))
      return item === null ? null : StoredSignIn.parse(item)
    },

    readAccount: async (accountId: AccountId): Promise<Account | null> => {
      const item = await read(accountKey(accountId))
      return item === null ? null : StoredAccount.parse(item)
    },

    listStaff: (page: Page) =>
      queryIndexPage(
        dynamo,
        {
          table: directoryTable,
          name: LISTED_INDEX,
          attribute: 'listed',
          value: STAFF_LIST,
          place: ['listedAt', 'pk', 'sk'],
        },
        page,
        (item) => StoredAccount.parse(item),
      ),

    /** The two rows of a new account; each refuses to overwrite. */
    createSteps: (
      account: Account,
      tenantName: string | null,
      passwordHash: string,
      sessionId: SessionId,
    ): WriteAction[] => {
      const { accountId, email, role, tenantId } = account
      const createdAt = account.createdAt.toISOString()
      return [
        {
          Put: {
            TableName: directoryTable,
            Item: {
              ...signInKey(email),
              ...{ accountId, email, role, tenantId, tenantName, passwordHash, createdAt },
              sessionIds: [sessionId],
              version: 1,
            },
            ConditionExpression: 'attribute_not_exists(pk)',
          },
        },
        {
          Put: {
            TableName: directoryTable,
            Item: {
              ...accountKey(accountId),
              ...account,
              createdAt,
              ...(role === 'tenant' ? {} : { listed: STAFF_LIST, listedAt: createdAt }),
            },
            ConditionExpression: 'attribute_not_exists(pk)',
          },
        },
      ]
    },

    /**
     * Notes a new session, and a new password hash where one is given; refused when the password or the list of sessions
     * changed since `signIn` was read.
     */
    noteSignInStep: (signIn: SignIn, sessionId: SessionId | null, passwordHash = signIn.passwordHash): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: signInKey(signIn.email),
        UpdateExpression: 'SET sessionIds = :sessionIds, version = :next, passwordHash = :passwordHash',
        ConditionExpression: 'version = :version AND passwordHash = :verified',
        ExpressionAttributeValues: {
          ':sessionIds': [...signIn.sessionIds, ...(sessionId === null ? [] : [sessionId])].slice(
            -SESSIONS_PER_ACCOUNT,
          ),
          ':version': signIn.version,
          ':next': signIn.version + 1,
          ':passwordHash': passwordHash,
          ':verified': signIn.passwordHash,
        },
      },
    }),

    /** Holds when the account is active and still what its sign-in row says. */
    checkActiveStep: ({ accountId, role }: Pick<SignIn, 'accountId' | 'role'>): WriteAction => ({
      ConditionCheck: {
        TableName: directoryTable,
        Key: accountKey(accountId),
        ConditionExpression: '#status = :active AND #role = :role',
        ExpressionAttributeNames: { '#status': 'status', '#role': 'role' },
        ExpressionAttributeValues: { ':active': 'active', ':role': role },
      },
    }),

    /** Changes a staff account in both of its rows; refused when it is no longer as `account` says. */
    changeStaffSteps: (
      account: Account,
      change: { role: Role; status: Account['status'] },
      sequence: number,
    ): WriteAction[] => [
      {
        Update: {
          TableName: directoryTable,
          Key: accountKey(account.accountId),
          UpdateExpression:
            'SET #role = :role, #status = :status' +
            (change.status === 'suspended' ? ', sessionsEndedAt = :sequence, tokensEndedAt = :sequence' : ''),
          ConditionExpression: '#role = :wasRole AND #status = :wasStatus',
          ExpressionAttributeNames: { '#role': 'role', '#status': 'status' },
          ExpressionAttributeValues: {
            ':role': change.role,
            ':status': change.status,
            ':wasRole': account.role,
            ':wasStatus': account.status,
            ...(change.status === 'suspended' ? { ':sequence': sequence } : {}),
          },
        },
      },
      {
        Update: {
          TableName: directoryTable,
          Key: signInKey(account.email),
          UpdateExpression: 'SET #role = :role',
          ConditionExpression: 'attribute_exists(pk)',
          ExpressionAttributeNames: { '#role': 'role' },
          ExpressionAttributeValues: { ':role': change.role },
        },
      },
    ],

    /** Counts active admins up or down; counting down is refused at the last one. */
    countAdminsStep: (difference: 1 | -1): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: adminCountKey,
        UpdateExpression: 'SET active = if_not_exists(active, :zero) + :difference',
        ...(difference === -1 ? { ConditionExpression: 'active > :one' } : {}),
        ExpressionAttributeValues: {
          ':zero': 0,
          ':difference': difference,
          ...(difference === -1 ? { ':one': 1 } : {}),
        },
      },
    }),
  }
}

export type AccountStore = ReturnType<typeof createAccountStore>
