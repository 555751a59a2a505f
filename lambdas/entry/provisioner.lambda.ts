import middy from '@middy/core'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { handleEvent } from '../provisioning/handle-event.ts'
import { createLaunchingClients, createLaunchingEntry } from './launching-entry.aws.ts'
import { handleQueueEvent } from './queue-handler.ts'

const deps = createLaunchingEntry(loadEnv(FunctionEnv.provisioner, process.env), createLaunchingClients())

/** Takes provision requests and instance states off its queue. */
export const handler = middy(handleQueueEvent(deps.logger, (event) => handleEvent(deps, event)))
