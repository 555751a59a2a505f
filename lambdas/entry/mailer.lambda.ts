import middy from '@middy/core'
import { createDynamoClient } from '../aws/clients.aws.ts'
import { createKmsClient } from '../aws/kms-client.aws.ts'
import { createSesClient } from '../aws/ses-client.aws.ts'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { systemClock } from '../core/clock.ts'
import { createLogger } from '../core/logger.ts'
import { systemRandom } from '../core/random.ts'
import { recordMailEvent } from '../invites/record-mail-event.ts'
import { sendDueMail } from '../invites/send-due-mail.ts'
import { createMailDeps } from './mail-deps.aws.ts'
import { handleQueueEvent } from './queue-handler.ts'

const env = loadEnv(FunctionEnv.mailer, process.env)
const deps = createMailDeps(
  { dynamo: createDynamoClient({}), kms: createKmsClient({}), ses: createSesClient({}) },
  {
    stage: env.VESTIBULE_STAGE,
    directoryTable: env.DIRECTORY_TABLE,
    auditTable: env.AUDIT_TABLE,
    mailKey: env.MAIL_KEY,
  },
  { sender: env.MAIL_SENDER, configurationSet: env.MAIL_CONFIGURATION_SET },
  { clock: systemClock, random: systemRandom, logger: createLogger() },
)
const recordEvents = handleQueueEvent(deps.logger, (event) => recordMailEvent(deps, event))

const isQueueEvent = (event: unknown): boolean => typeof event === 'object' && event !== null && 'Records' in event

/** Sends what waits, every minute by schedule; notes from its queue what SES says later about what was sent. */
export const handler = middy(async (event: unknown) => (isQueueEvent(event) ? recordEvents(event) : sendDueMail(deps)))
