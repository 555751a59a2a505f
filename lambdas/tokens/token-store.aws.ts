import { type DynamoDBDocumentClient, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { batchGet } from '../aws/batch-get.aws.ts'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import { AccountId, ApiTokenId } from '../contract/ids.ts'
import { accountKey, apiTokenKey } from '../contract/names.ts'
import { StoredInstant } from '../contract/text.ts'
import { toEpochSeconds } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Account } from '../sessions/principal.ts'
import { StoredAccount } from '../sessions/stored.ts'
import type { ApiTokenClaim } from './api-token.ts'

const StoredApiToken = z.object({
  accountId: AccountId,
  tokenId: ApiTokenId,
  tokenHash: z.string(),
  name: z.string(),
  prefix: z.string(),
  createdAt: StoredInstant,
  lastUsedAt: z.nullable(StoredInstant),
  expiresAt: z.pipe(
    z.number(),
    z.transform((seconds) => new Date(seconds * 1000)),
  ),
  sequence: z.number(),
})
export type ApiToken = z.infer<typeof StoredApiToken>

export const createTokenStore = (deps: { dynamo: DynamoDBDocumentClient; directoryTable: string; random: Random }) => {
  const { dynamo, directoryTable, random } = deps

  return {
    /** Token and account as they are now, in one consistent read. */
    read: async (claim: ApiTokenClaim): Promise<{ token: ApiToken | null; account: Account | null }> => {
      const keys = [apiTokenKey(claim.accountId, claim.tokenId), accountKey(claim.accountId)]
      const [token = null, account = null] = await batchGet(dynamo, random, directoryTable, keys)
      return {
        token: token === null ? null : StoredApiToken.parse(token),
        account: account === null ? null : StoredAccount.parse(account),
      }
    },

    list: async (accountId: AccountId): Promise<ApiToken[]> => {
      const { Items } = await callAws('dynamodb', () =>
        dynamo.send(
          new QueryCommand({
            TableName: directoryTable,
            ConsistentRead: true,
            KeyConditionExpression: 'pk = :pk AND begins_with(sk, :tokens)',
            ExpressionAttributeValues: { ':pk': accountKey(accountId).pk, ':tokens': 'TOKEN#' },
          }),
        ),
      )
      return (Items ?? []).map((item) => StoredApiToken.parse(item))
    },

    touch: async (token: ApiToken, now: Date): Promise<void> => {
      await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
        dynamo.send(
          new UpdateCommand({
            TableName: directoryTable,
            Key: apiTokenKey(token.accountId, token.tokenId),
            UpdateExpression: 'SET lastUsedAt = :now',
            ConditionExpression: 'attribute_exists(pk)',
            ExpressionAttributeValues: { ':now': now.toISOString() },
          }),
        ),
      )
    },

    putStep: (token: ApiToken): WriteAction => ({
      Put: {
        TableName: directoryTable,
        Item: {
          ...apiTokenKey(token.accountId, token.tokenId),
          ...token,
          createdAt: token.createdAt.toISOString(),
          lastUsedAt: null,
          expiresAt: toEpochSeconds(token.expiresAt),
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    }),

    revokeStep: (accountId: AccountId, tokenId: ApiTokenId): WriteAction => ({
      Delete: {
        TableName: directoryTable,
        Key: apiTokenKey(accountId, tokenId),
        ConditionExpression: 'attribute_exists(pk)',
      },
    }),
  }
}

export type TokenStore = ReturnType<typeof createTokenStore>
