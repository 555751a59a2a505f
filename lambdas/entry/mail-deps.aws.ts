import type { KMSClient } from '@aws-sdk/client-kms'
import type { SESv2Client } from '@aws-sdk/client-sesv2'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { createAuditTrail } from '../audit/audit-trail.aws.ts'
import { createInviteMailer } from '../invites/invite-mailer.aws.ts'
import { createInviteStore } from '../invites/invite-store.aws.ts'
import { createLinkSeal } from '../invites/link-seal.aws.ts'
import { createMailOutbox } from '../invites/mail-outbox.aws.ts'
import type { SendMailDeps } from '../invites/send-due-mail.ts'
import type { Ambient } from './deps.aws.ts'

export interface MailNames {
  stage: string
  directoryTable: string
  auditTable: string
  /** The KMS key that seals links for the mail sender. */
  mailKey: string
}

/** Joins clients, names and stores for the mail sender. */
export const createMailDeps = (
  clients: { dynamo: DynamoDBDocumentClient; kms: KMSClient; ses: SESv2Client },
  names: MailNames,
  { sender, configurationSet }: { sender: string; configurationSet: string },
  ambient: Ambient,
): SendMailDeps => {
  const { dynamo, kms, ses } = clients
  const { directoryTable, auditTable, mailKey, stage } = names
  const { clock, random, logger } = ambient
  return {
    ...{ clock, logger },
    outbox: createMailOutbox({ dynamo, directoryTable }),
    invites: createInviteStore({ dynamo, directoryTable }),
    seal: createLinkSeal({ kms, keyId: mailKey, stage }),
    mailer: createInviteMailer({ ses, sender, configurationSet }),
    audit: createAuditTrail({ dynamo, auditTable, directoryTable, clock, random }),
  }
}
