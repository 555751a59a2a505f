import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import { queryIndexPage } from '../aws/paging.aws.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import type { TenantId } from '../contract/ids.ts'
import { LISTED_INDEX, tenantKey } from '../contract/names.ts'
import type { Page } from '../contract/paging.ts'
import type { Tenant } from '../sessions/principal.ts'
import { StoredTenant } from '../sessions/stored.ts'

const TENANT_LIST = 'TENANT'

export const createTenantStore = (deps: { dynamo: DynamoDBDocumentClient; directoryTable: string }) => {
  const { dynamo, directoryTable } = deps

  return {
    read: async (tenantId: TenantId): Promise<Tenant | null> => {
      const { Item } = await callAws('dynamodb', () =>
        dynamo.send(new GetCommand({ TableName: directoryTable, Key: tenantKey(tenantId), ConsistentRead: true })),
      )
      return Item === undefined ? null : StoredTenant.parse(Item)
    },

    list: (page: Page) =>
      queryIndexPage(
        dynamo,
        {
          table: directoryTable,
          name: LISTED_INDEX,
          attribute: 'listed',
          value: TENANT_LIST,
          place: ['listedAt', 'pk', 'sk'],
        },
        page,
        (item) => StoredTenant.parse(item),
      ),

    createStep: (tenant: Tenant): WriteAction => ({
      Put: {
        TableName: directoryTable,
        Item: {
          ...tenantKey(tenant.tenantId),
          ...tenant,
          createdAt: tenant.createdAt.toISOString(),
          listed: TENANT_LIST,
          listedAt: tenant.createdAt.toISOString(),
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    }),

    /** One more account in a tenant that must exist and be active. */
    joinStep: (tenantId: TenantId): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: tenantKey(tenantId),
        UpdateExpression: 'SET accountCount = accountCount + :one',
        ConditionExpression: '#status = :active',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':one': 1, ':active': 'active' },
      },
    }),

    checkActiveStep: (tenantId: TenantId): WriteAction => ({
      ConditionCheck: {
        TableName: directoryTable,
        Key: tenantKey(tenantId),
        ConditionExpression: '#status = :active',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':active': 'active' },
      },
    }),

    /** One more agent, below the cap, in an active tenant. */
    addAgentStep: (tenantId: TenantId, cap: number): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: tenantKey(tenantId),
        UpdateExpression: 'SET agentCount = agentCount + :one',
        ConditionExpression: 'agentCount < :cap AND #status = :active',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':one': 1, ':cap': cap, ':active': 'active' },
      },
    }),

    removeAgentStep: (tenantId: TenantId): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: tenantKey(tenantId),
        UpdateExpression: 'SET agentCount = agentCount - :one',
        ConditionExpression: 'agentCount > :zero',
        ExpressionAttributeValues: { ':one': 1, ':zero': 0 },
      },
    }),

    /** Suspends an active tenant: everything that it was signed in with before this sequence has ended. */
    suspendStep: (tenantId: TenantId, sequence: number): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: tenantKey(tenantId),
        UpdateExpression: 'SET #status = :suspended, sessionsEndedAt = :sequence',
        ConditionExpression: '#status = :active',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':suspended': 'suspended', ':active': 'active', ':sequence': sequence },
      },
    }),

    resumeStep: (tenantId: TenantId): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: tenantKey(tenantId),
        UpdateExpression: 'SET #status = :active',
        ConditionExpression: '#status = :suspended',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':suspended': 'suspended', ':active': 'active' },
      },
    }),

    /** Remembers the tenant's key, once; a later caller's other key is not taken. */
    rememberKey: async (tenantId: TenantId, keyArn: string): Promise<void> => {
      await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
        dynamo.send(
          new UpdateCommand({
            TableName: directoryTable,
            Key: tenantKey(tenantId),
            UpdateExpression: 'SET keyArn = :keyArn',
            ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(keyArn)',
            ExpressionAttributeValues: { ':keyArn': keyArn },
          }),
        ),
      )
    },

    /** Another key from now on, for a tenant whose key is still the one that was read; that one is kept in mind. */
    replaceKeyStep: (
      { tenantId, keyArn, formerKeyArns = [] }: Pick<Tenant, 'tenantId' | 'formerKeyArns'> & { keyArn: string },
      nextKeyArn: string,
      at: Date,
    ): WriteAction => ({
      Update: {
        TableName: directoryTable,
        Key: tenantKey(tenantId),
        UpdateExpression: 'SET keyArn = :next, formerKeyArns = :former, keyReplacedAt = :at',
        ConditionExpression: 'keyArn = :keyArn',
        ExpressionAttributeValues: {
          ':next': nextKeyArn,
          ':former': [...formerKeyArns, keyArn],
          ':at': at.toISOString(),
          ':keyArn': keyArn,
        },
      },
    }),
  }
}

export type TenantStore = ReturnType<typeof createTenantStore>
