import type { Duration } from 'aws-cdk-lib'
import * as events from 'aws-cdk-lib/aws-events'
import * as targets from 'aws-cdk-lib/aws-events-targets'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'

/** Runs a function by the clock. A run that fails is not repeated, for the next one comes; it lies in the dead letters. */
export const runRegularly = (
  scope: Construct,
  id: string,
  input: { every: Duration; handler: lambda.IFunction; deadLetters: sqs.IQueue },
): void => {
  new events.Rule(scope, id, {
    schedule: events.Schedule.rate(input.every),
    targets: [new targets.LambdaFunction(input.handler, { deadLetterQueue: input.deadLetters, retryAttempts: 0 })],
  })
}
