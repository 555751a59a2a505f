import { Duration, Stack } from 'aws-cdk-lib'
import * as events from 'aws-cdk-lib/aws-events'
import * as targets from 'aws-cdk-lib/aws-events-targets'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import * as ses from 'aws-cdk-lib/aws-ses'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { MailEvent } from '../../lambdas/contract/mail.ts'
import type { Bundle } from '../bundles.ts'
import type { DeployConfig } from '../config.ts'
import type { Place } from '../rights/place.ts'
import { mailerRights } from '../rights/workers.ts'
import type { DataStack } from '../stacks/data.ts'
import { runRegularly } from './run-regularly.ts'
import { ServiceFunction } from './service-function.ts'
import { createDeadLetters, WorkQueue } from './work-queue.ts'

const TIMEOUT = Duration.seconds(60)

/** What mails invites: its function, the SES events that tell of bounces, and the queue between them. */
export const addMailer = (
  scope: Construct,
  input: { data: DataStack; config: DeployConfig; bundle: Bundle; sender: string; key: kms.IKey; place: Place },
): { fn: ServiceFunction<'mailer'>; deadLetters: sqs.Queue[] } => {
  const { data, config, bundle, sender, key, place } = input
  const stack = Stack.of(scope)
  const { queue, deadLetters } = new WorkQueue(scope, 'MailNews', { key, functionTimeout: TIMEOUT })
  const unsent = createDeadLetters(scope, 'MailerDeadLetters', key)
  // Neither opens nor clicks are among the events, so SES changes nothing in the mail.
  const configurationSet = new ses.CfnConfigurationSet(scope, 'MailSet', { deliveryOptions: { tlsPolicy: 'REQUIRE' } })
  new ses.CfnConfigurationSetEventDestination(scope, 'MailSetEvents', {
    configurationSetName: configurationSet.ref,
    eventDestination: {
      enabled: true,
      matchingEventTypes: ['BOUNCE', 'REJECT', 'RENDERING_FAILURE', 'COMPLAINT'],
      eventBridgeDestination: {
        eventBusArn: `arn:aws:events:${stack.region}:${stack.account}:event-bus/default`,
      },
    },
  })
  const ses2 = `arn:aws:ses:${stack.region}:${stack.account}`
  const fn = new ServiceFunction(scope, 'Mailer', {
    functionName: 'mailer',
    bundle,
    memoryMegabytes: 256,
    timeout: TIMEOUT,
    deadLetters: unsent,
    logKey: key,
    logRetentionDays: config.logRetentionDays,
    environment: {
      VESTIBULE_STAGE: config.stage,
      DIRECTORY_TABLE: data.directoryTable.tableName,
      AUDIT_TABLE: data.auditTable.tableName,
      MAIL_KEY: data.key.keyArn,
      MAIL_SENDER: sender,
      MAIL_CONFIGURATION_SET: configurationSet.ref,
    },
    rights: mailerRights(data, place, {
      queue,
      deadLetters: unsent,
      identityArn: `${ses2}:identity/${config.mailIdentity ?? sender.split('@')[1]}`,
      configurationSetArn: `${ses2}:configuration-set/${configurationSet.ref}`,
      sender,
    }),
  })
  new lambda.EventSourceMapping(scope, 'MailerSource', {
    target: fn.handler,
    eventSourceArn: queue.queueArn,
    batchSize: 10,
    maxConcurrency: 2,
    reportBatchItemFailures: true,
  })
  new events.Rule(scope, 'MailEvents', {
    // Of our own mails alone: the account may send others.
    eventPattern: {
      source: ['aws.ses'],
      detail: { mail: { tags: { 'ses:configuration-set': [configurationSet.ref] } } },
      detailType: [...MailEvent.shape['detail-type'].options],
    },
    targets: [new targets.SqsQueue(queue, { deadLetterQueue: deadLetters })],
  })
  runRegularly(scope, 'MailEveryMinute', { every: Duration.minutes(1), handler: fn.handler, deadLetters: unsent })
  return { fn, deadLetters: [deadLetters, unsent] }
}
