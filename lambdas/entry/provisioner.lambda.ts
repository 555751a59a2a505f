import middy from '@middy/core'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { handleEvent } from '../provisioning/handle-event.ts'
import { createLaunchingEntry } from './launching-entry.aws.ts'
import { handleQueueEvent } from './queue-handler.ts'

const deps = createLaunchingEntry(loadEnv(FunctionEnv.provisioner, process.env))

/** Takes provision requests and instance states off its queue. */
export const handler = middy(handleQueueEvent(deps.logger, (event) => handleEvent(deps, event)))
