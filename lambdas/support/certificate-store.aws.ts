import { type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { callAws } from '../aws/errors.aws.ts'
import type { WriteAction } from '../aws/transact.aws.ts'
import { AccountId, AgentId } from '../contract/ids.ts'
import { supportCertificateKey, supportReportKey } from '../contract/names.ts'

const StoredCertificate = z.object({
  agentId: AgentId,
  /** As decimal digits, as sshd logs it. */
  serial: z.string(),
  engineerId: AccountId,
  reason: z.string(),
  validUntil: z.string(),
})
/** What was said when a certificate for support was issued. */
export type IssuedSerial = z.infer<typeof StoredCertificate>

/** Which certificates were issued for an agent, and what its machine told of their use. */
export const createCertificateStore = (deps: { dynamo: DynamoDBDocumentClient; agentsTable: string }) => {
  const { dynamo, agentsTable } = deps

  return {
    /** Null for a serial that was never issued for this agent. */
    read: async (agentId: AgentId, serial: string): Promise<IssuedSerial | null> => {
      const { Item } = await callAws('dynamodb', () =>
        dynamo.send(
          new GetCommand({
            TableName: agentsTable,
            Key: supportCertificateKey(agentId, serial),
            ConsistentRead: true,
          }),
        ),
      )
      return Item === undefined ? null : StoredCertificate.parse(Item)
    },

    putStep: (certificate: IssuedSerial): WriteAction => ({
      Put: {
        TableName: agentsTable,
        Item: { ...supportCertificateKey(certificate.agentId, certificate.serial), ...certificate },
      },
    }),

    /** Holds for the first of all reports of one id. */
    putReportStep: (agentId: AgentId, reportId: string): WriteAction => ({
      Put: {
        TableName: agentsTable,
        Item: supportReportKey(agentId, reportId),
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    }),
  }
}

export type CertificateStore = ReturnType<typeof createCertificateStore>
