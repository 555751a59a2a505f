import { Duration } from 'aws-cdk-lib'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as sqs from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'

const MAX_RECEIVES = 5
/** AWS Lambda developer guide, "Using Lambda with Amazon SQS": at least six times the function's time-out. */
const VISIBILITY_FACTOR = 6

/** A queue that feeds a function, and where its messages end that the function cannot work off. */
export class WorkQueue extends Construct {
  readonly queue: sqs.Queue
  readonly deadLetters: sqs.Queue

  constructor(scope: Construct, id: string, { key, functionTimeout }: { key: kms.IKey; functionTimeout: Duration }) {
    super(scope, id)
    this.deadLetters = createDeadLetters(this, 'DeadLetters', key)
    this.queue = new sqs.Queue(this, 'Queue', {
      encryptionMasterKey: key,
      enforceSSL: true,
      visibilityTimeout: Duration.seconds(functionTimeout.toSeconds() * VISIBILITY_FACTOR),
      retentionPeriod: Duration.days(4),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    })
  }
}

/** Two weeks to look at what went wrong; an alarm says at once that there is something. */
export const createDeadLetters = (scope: Construct, id: string, key: kms.IKey): sqs.Queue =>
  new sqs.Queue(scope, id, { encryptionMasterKey: key, enforceSSL: true, retentionPeriod: Duration.days(14) })
