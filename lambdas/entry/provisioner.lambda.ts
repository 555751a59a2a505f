import middy from '@middy/core'
import { createSqsClient } from '../aws/sqs-client.aws.ts'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { handleEvent } from '../provisioning/handle-event.ts'
import { createLaunchLine } from '../provisioning/launch-line.aws.ts'
import { createLaunchingClients, createLaunchingEntry } from './launching-entry.aws.ts'
import { handleQueueEvent } from './queue-handler.ts'

const env = loadEnv(FunctionEnv.provisioner, process.env)
const deps = {
  ...createLaunchingEntry(env, createLaunchingClients()),
  line: createLaunchLine({ sqs: createSqsClient({}), queueUrl: env.LAUNCH_QUEUE }),
}

/** Takes provision requests, instance states and the line for machines off its queues. */
export const handler = middy(handleQueueEvent(deps.logger, (event) => handleEvent(deps, event)))
