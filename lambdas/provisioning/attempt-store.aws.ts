import { type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { callAws } from '../aws/errors.aws.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import { AgentId, TenantId } from '../contract/ids.ts'
import { instanceKey, launchAttemptKey } from '../contract/names.ts'
import type { LaunchAttempt } from './launch-attempt.ts'

const StoredAttempt: z.ZodMiniType<LaunchAttempt> = z.object({
  agentId: AgentId,
  tenantId: TenantId,
  attempt: z.number(),
  clientToken: z.string(),
  launchTemplateId: z.string(),
  subnetId: z.string(),
  amiId: z.string(),
  instanceType: z.string(),
  securityGroupIds: z.array(z.string()),
  volumeKeyArn: z.string(),
  userData: z.string(),
  userDataHash: z.string(),
  release: z.optional(z.string()),
  createdAt: z.string(),
})

const StoredInstance = z.object({ tenantId: TenantId, agentId: AgentId, attempt: z.number() })
export type InstanceOwner = z.infer<typeof StoredInstance>

export const createAttemptStore = (deps: { dynamo: DynamoDBDocumentClient; agentsTable: string }) => {
  const { dynamo, agentsTable } = deps

  const read = async (key: { pk: string; sk: string }) => {
    const { Item } = await callAws('dynamodb', () =>
      dynamo.send(new GetCommand({ TableName: agentsTable, Key: key, ConsistentRead: true })),
    )
    return Item
  }

  return {
    readAttempt: async (agentId: AgentId, attempt: number): Promise<LaunchAttempt | null> => {
      const item = await read(launchAttemptKey(agentId, attempt))
      return item === undefined ? null : StoredAttempt.parse(item)
    },

    /** Whose instance this is, by what the launch wrote down. */
    readOwner: async (instanceId: string): Promise<InstanceOwner | null> => {
      const item = await read(instanceKey(instanceId))
      return item === undefined ? null : StoredInstance.parse(item)
    },

    putAttemptStep: (attempt: LaunchAttempt): WriteAction => ({
      Put: {
        TableName: agentsTable,
        Item: { ...launchAttemptKey(attempt.agentId, attempt.attempt), ...attempt },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    }),

    putOwnerStep: (instanceId: string, { tenantId, agentId, attempt }: InstanceOwner): WriteAction => ({
      Put: { TableName: agentsTable, Item: { ...instanceKey(instanceId), tenantId, agentId, attempt } },
    }),
  }
}

export type AttemptStore = ReturnType<typeof createAttemptStore>
