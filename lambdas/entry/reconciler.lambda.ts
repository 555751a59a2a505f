import middy from '@middy/core'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { reconcile } from '../provisioning/reconcile.ts'
import { createLaunchingEntry } from './launching-entry.aws.ts'

const deps = createLaunchingEntry(loadEnv(FunctionEnv.reconciler, process.env))

/** Runs every minute, by schedule alone: there is no address that starts it. */
export const handler = middy(async () => reconcile(deps))
