import { type DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { batchGet } from '../aws/batch-get.aws.ts'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import { queryIndexPage, queryPage } from '../aws/paging.aws.ts'
import { transact, type TransactStep, type WriteAction } from '../aws/transact.aws.ts'
import { AgentBody, AgentReason, AgentStatus } from '../contract/agents.ts'
import { CREDENTIAL_KINDS } from '../contract/credential-kinds.ts'
import { AgentId, TenantId } from '../contract/ids.ts'
import { AgentNotice } from '../contract/instance.ts'
import {
  agentKey,
  agentNameKey,
  idempotencyKey,
  launchAttemptKey,
  PASSING_INDEX,
  SUPPORT_INDEX,
} from '../contract/names.ts'
import type { Page } from '../contract/paging.ts'
import type { Random } from '../core/random.ts'
import { type Agent, isInLine, type PendingMerge } from './agent.ts'

const CredentialStateRow = z.object({
  provided: z.boolean(),
  updatedAt: z.optional(z.string()),
  updatedBy: z.optional(z.string()),
})

const StoredAgent: z.ZodMiniType<Agent> = z.object({
  agentId: AgentId,
  tenantId: TenantId,
  name: z.string(),
  status: AgentStatus,
  reason: z.optional(AgentReason),
  supportAccess: z.boolean(),
  supportPathOpen: z.boolean(),
  supportPathPending: z.optional(z.boolean()),
  credentials: z.object({
    claudeCodeToken: CredentialStateRow,
    anthropicApiKey: CredentialStateRow,
    githubToken: CredentialStateRow,
    slackBotToken: CredentialStateRow,
    slackAppToken: CredentialStateRow,
  }),
  secretVersionId: z.optional(z.string()),
  secretRevision: z.number(),
  writeWindow: z.object({ startedAt: z.string(), startRevision: z.number() }),
  pendingMerges: z.record(
    z.string(),
    z.object({ kinds: z.array(z.enum(CREDENTIAL_KINDS)), by: z.string(), at: z.string(), requestId: z.string() }),
  ),
  attempt: z.number(),
  roundStartAttempt: z.number(),
  instance: z.optional(
    z.object({ id: z.string(), arn: z.string(), type: z.string(), zone: z.string(), launchedAt: z.string() }),
  ),
  enrolledAttempt: z.optional(z.number()),
  bootStep: z.optional(z.string()),
  release: z.optional(z.string()),
  runtimeHash: z.optional(z.string()),
  notices: z.optional(z.array(AgentNotice)),
  lastSeenAt: z.optional(z.string()),
  timeline: z.array(z.object({ status: AgentStatus, at: z.string() })),
  createdAt: z.string(),
  updatedAt: z.string(),
  turnAt: z.optional(z.string()),
  cleared: z.optional(z.boolean()),
  isolatedAt: z.optional(z.string()),
  lookAt: z.optional(z.string()),
  version: z.number(),
})

const StoredIdempotency = z.object({ agentId: AgentId, bodyMac: z.string(), answer: z.optional(AgentBody) })
export type Idempotency = z.infer<typeof StoredIdempotency>

const PASSING = 'PASSING'
/** Apart from the others, so that thousands in the line for machines keep nobody else waiting. */
const IN_LINE = 'IN_LINE'
const SUPPORTED = 'SUPPORTED'

const KEYS_PER_READ = 100

const toItem = (agent: Agent) => ({
  ...agentKey(agent.tenantId, agent.agentId),
  ...agent,
  ...(agent.lookAt === undefined ? {} : { passing: isInLine(agent) ? IN_LINE : PASSING }),
  ...(agent.supportAccess && agent.status !== 'deleted' ? { supported: SUPPORTED } : {}),
})

export const createAgentStore = (deps: { dynamo: DynamoDBDocumentClient; agentsTable: string; random: Random }) => {
  const { dynamo, agentsTable, random } = deps

  /** Replaces a row that nobody changed since it was read. The new row carries the next version. */
  const replaceStep = (next: Agent, previous: Agent): WriteAction => ({
    Put: {
      TableName: agentsTable,
      Item: toItem({ ...next, version: previous.version + 1 }),
      ConditionExpression: 'version = :version',
      ExpressionAttributeValues: { ':version': previous.version },
    },
  })

  const readAgent = async (tenantId: TenantId, agentId: AgentId): Promise<Agent | null> => {
    const { Item } = await callAws('dynamodb', () =>
      dynamo.send(new GetCommand({ TableName: agentsTable, Key: agentKey(tenantId, agentId), ConsistentRead: true })),
    )
    return Item === undefined ? null : StoredAgent.parse(Item)
  }

  const listPassing = async (passing: string, by: Date, limit: number): Promise<Agent[]> => {
    const { Items } = await callAws('dynamodb', () =>
      dynamo.send(
        new QueryCommand({
          TableName: agentsTable,
          IndexName: PASSING_INDEX,
          KeyConditionExpression: 'passing = :passing AND lookAt <= :by',
          ExpressionAttributeValues: { ':passing': passing, ':by': by.toISOString() },
          Limit: limit,
        }),
      ),
    )
    return (Items ?? []).map((item) => StoredAgent.parse(item))
  }

  return {
    read: readAgent,

    /** Several at once, by their ids; one that is not there is not in the answer. */
    readMany: async (ids: readonly Pick<Agent, 'tenantId' | 'agentId'>[]): Promise<Map<AgentId, Agent>> => {
      // One call takes a hundred keys, none of them twice (Amazon DynamoDB API reference, BatchGetItem).
      const keys = [...new Map(ids.map(({ tenantId, agentId }) => [agentId, agentKey(tenantId, agentId)])).values()]
      const found = new Map<AgentId, Agent>()
      for (let from = 0; from < keys.length; from += KEYS_PER_READ) {
        for (const row of await batchGet(dynamo, random, agentsTable, keys.slice(from, from + KEYS_PER_READ))) {
          const agent = row === null ? null : StoredAgent.parse(row)
          if (agent !== null) found.set(agent.agentId, agent)
        }
      }
      return found
    },

    list: (tenantId: TenantId, page: Page, withDeleted: boolean) => {
      const { pk } = agentKey(tenantId, AgentId.parse(`agt_${'0'.repeat(26)}`))
      return queryPage(
        dynamo,
        {
          TableName: agentsTable,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :agents)',
          ExpressionAttributeValues: {
            ':pk': pk,
            ':agents': 'AGENT#',
            ...(withDeleted ? {} : { ':deleted': 'deleted' }),
          },
          ...(withDeleted
            ? {}
            : { FilterExpression: '#status <> :deleted', ExpressionAttributeNames: { '#status': 'status' } }),
        },
        { pk },
        ['sk'],
        page,
        (item) => StoredAgent.parse(item),
      )
    },

    /** Agents of all tenants that allow support access, newest first. */
    listSupported: (page: Page) =>
      queryIndexPage(
        dynamo,
        {
          table: agentsTable,
          name: SUPPORT_INDEX,
          attribute: 'supported',
          value: SUPPORTED,
          place: ['createdAt', 'pk', 'sk'],
        },
        page,
        (item) => StoredAgent.parse(item),
      ),

    /** One agent by its id alone, by way of its launch attempts, which name its tenant; null before the first of them. */
    findById: async (agentId: AgentId): Promise<Agent | null> => {
      const { Items: [attempt] = [] } = await callAws('dynamodb', () =>
        dynamo.send(
          new QueryCommand({
            TableName: agentsTable,
            KeyConditionExpression: 'pk = :pk AND begins_with(sk, :attempts)',
            ExpressionAttributeValues: { ':pk': launchAttemptKey(agentId, 1).pk, ':attempts': 'ATTEMPT#' },
            Limit: 1,
          }),
        ),
      )
      return attempt === undefined ? null : readAgent(TenantId.parse(attempt.tenantId), agentId)
    },

    /** Holds while the agent is up, its tenant allows support, and the path to it is open. */
    checkSupportedStep: ({ tenantId, agentId }: Pick<Agent, 'tenantId' | 'agentId'>): WriteAction => ({
      ConditionCheck: {
        TableName: agentsTable,
        Key: agentKey(tenantId, agentId),
        ConditionExpression: 'supportAccess = :yes AND supportPathOpen = :yes AND #status IN (:booting, :ready)',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':yes': true, ':booting': 'booting', ':ready': 'ready' },
      },
    }),

    /** Agents that are to be looked at by now, the longest due first; never more than `limit`. */
    listDue: (now: Date, limit: number): Promise<Agent[]> => listPassing(PASSING, now, limit),

    /** Agents that came into the line for machines by then and still wait, the first first; never more than `limit`. */
    listInLine: (enteredBy: Date, limit: number): Promise<Agent[]> => listPassing(IN_LINE, enteredBy, limit),

    putNewStep: (agent: Agent): WriteAction => ({
      Put: { TableName: agentsTable, Item: toItem(agent), ConditionExpression: 'attribute_not_exists(pk)' },
    }),

    claimNameStep: (agent: Pick<Agent, 'tenantId' | 'agentId' | 'name'>): WriteAction => ({
      Put: {
        TableName: agentsTable,
        Item: { ...agentNameKey(agent.tenantId, agent.name), agentId: agent.agentId },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    }),

    releaseNameStep: (agent: Pick<Agent, 'tenantId' | 'agentId' | 'name'>): WriteAction => ({
      Delete: {
        TableName: agentsTable,
        Key: agentNameKey(agent.tenantId, agent.name),
        ConditionExpression: 'attribute_not_exists(pk) OR agentId = :agentId',
        ExpressionAttributeValues: { ':agentId': agent.agentId },
      },
    }),

    replaceStep,

    /** The same outside a transaction, for facts that are no event: last seen, boot step. False when someone was faster. */
    replace: async (next: Agent, previous: Agent): Promise<boolean> => {
      const replaced = await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
        dynamo.send(
          new PutCommand({
            TableName: agentsTable,
            Item: toItem({ ...next, version: previous.version + 1 }),
            ConditionExpression: 'version = :version',
            ExpressionAttributeValues: { ':version': previous.version },
          }),
        ),
      )
      return replaced.ok
    },

    /** Writes down that a merge begins, before anything is written to the secret. Null when there is no agent to change. */
    beginMerge: async (
      tenantId: TenantId,
      agentId: AgentId,
      mergeId: string,
      merge: PendingMerge,
    ): Promise<Agent | null> => {
      const begun = await tryAws('dynamodb', ['ConditionalCheckFailedException'], () =>
        dynamo.send(
          new UpdateCommand({
            TableName: agentsTable,
            Key: agentKey(tenantId, agentId),
            UpdateExpression:
              'SET pendingMerges.#merge = :merge, version = version + :one, passing = :passing, lookAt = :at',
            ConditionExpression: 'attribute_exists(pk) AND NOT #status IN (:deleting, :deleted)',
            ExpressionAttributeNames: { '#merge': mergeId, '#status': 'status' },
            ExpressionAttributeValues: {
              ':merge': merge,
              ':one': 1,
              ':passing': PASSING,
              ':at': merge.at,
              ':deleting': 'deleting',
              ':deleted': 'deleted',
            },
            ReturnValues: 'ALL_NEW',
          }),
        ),
      )
      return begun.ok ? StoredAgent.parse(begun.value.Attributes) : null
    },

    readIdempotency: async (tenantId: TenantId, key: string): Promise<Idempotency | null> => {
      const { Item } = await callAws('dynamodb', () =>
        dynamo.send(
          new GetCommand({ TableName: agentsTable, Key: idempotencyKey(tenantId, key), ConsistentRead: true }),
        ),
      )
      return Item === undefined ? null : StoredIdempotency.parse(Item)
    },

    claimKeyStep: (
      tenantId: TenantId,
      key: string,
      row: Idempotency,
      expiresAtSeconds: number,
      nowSeconds: number,
    ): WriteAction => ({
      Put: {
        TableName: agentsTable,
        Item: { ...idempotencyKey(tenantId, key), ...row, expiresAt: expiresAtSeconds },
        ConditionExpression: 'attribute_not_exists(pk) OR expiresAt < :now',
        ExpressionAttributeValues: { ':now': nowSeconds },
      },
    }),

    /** What finishes an onboarding: the row and the answer that repeats of the call get. */
    settleOnboardingSteps: (key: string, next: Agent, previous: Agent, answer: AgentBody): TransactStep<'moved'>[] => [
      { refusal: 'moved', action: replaceStep(next, previous) },
      {
        refusal: 'moved',
        action: {
          Update: {
            TableName: agentsTable,
            Key: idempotencyKey(next.tenantId, key),
            UpdateExpression: 'SET answer = :answer',
            ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(answer)',
            ExpressionAttributeValues: { ':answer': answer },
          },
        },
      },
    ],

    /** Takes those steps where no change of state is to be told with them. False when the onboarding was changed meanwhile. */
    settleOnboarding: async (steps: readonly TransactStep<'moved'>[]): Promise<boolean> =>
      (await transact(dynamo, random, steps)).ok,
  }
}

export type AgentStore = ReturnType<typeof createAgentStore>
