import type { KMSClient } from '@aws-sdk/client-kms'
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb'
import { createLinkSeal } from '../invites/link-seal.aws.ts'
import { createMailOutbox } from '../invites/mail-outbox.aws.ts'
import { createPostInviteMail } from '../invites/post-invite-mail.ts'
import type { MailNames } from './mail-deps.aws.ts'

/** What puts mails into the outbox: only where an installation sends mail. */
export const createMailPost = (
  clients: { dynamo: DynamoDBDocumentClient; kms: KMSClient },
  names: Omit<MailNames, 'auditTable'>,
) =>
  createPostInviteMail({
    outbox: createMailOutbox({ dynamo: clients.dynamo, directoryTable: names.directoryTable }),
    seal: createLinkSeal({ kms: clients.kms, keyId: names.mailKey, stage: names.stage }),
  })
