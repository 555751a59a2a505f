import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { callAws } from '../aws/errors.aws.ts'
import type { AgentId, TenantId } from '../contract/ids.ts'
import { LaunchDueEvent } from '../contract/provisioning.ts'

/**
 * The line for machines. It is fair among tenants: each is a group of its own, and a group that takes more than its share of
 * the workers comes behind the others (Amazon SQS developer guide, "How Amazon SQS fair queues work"). What is sent twice is
 * served twice, which does no harm; what is lost is the reconciler's.
 */
export const createLaunchLine = ({ sqs, queueUrl }: { sqs: SQSClient; queueUrl: string }) => ({
  join: async (who: { tenantId: TenantId; agentId: AgentId }): Promise<void> => {
    const due = LaunchDueEvent.parse({
      'detail-type': 'Launch Due',
      detail: { tenantId: who.tenantId, agentId: who.agentId },
    } satisfies LaunchDueEvent)
    await callAws('sqs', () =>
      sqs.send(
        new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(due), MessageGroupId: who.tenantId }),
      ),
    )
  },
})

export type LaunchLine = ReturnType<typeof createLaunchLine>
