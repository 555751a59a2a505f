import middy from '@middy/core'
import { createKmsClient } from '../aws/kms-client.aws.ts'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { runPass } from '../provisioning/run-pass.ts'
import { createLaunchingClients, createLaunchingEntry, launchingNames } from './launching-entry.aws.ts'
import { createSweepDeps } from './sweep-deps.aws.ts'

const env = loadEnv(FunctionEnv.reconciler, process.env)
const clients = createLaunchingClients()
const deps = {
  ...createLaunchingEntry(env, clients),
  ...createSweepDeps({ ...clients, kms: createKmsClient({}) }, launchingNames(env)),
}

/** Runs every minute, by schedule alone: there is no address that starts it. */
export const handler = middy(async () => runPass(deps))
