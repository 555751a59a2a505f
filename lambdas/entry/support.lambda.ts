import middy from '@middy/core'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { createApp } from '../http/app.ts'
import { addSupportRoutes } from '../http/support-routes.ts'
import { once } from '../core/once.ts'
import { createSupportDeps } from './deps.aws.ts'
import { createHttpHandler, lambdaPlatform } from './http-handler.ts'
import { createWebEntry } from './web-entry.aws.ts'

const env = loadEnv(FunctionEnv.support, process.env)
const { clients, names, ambient, gate } = createWebEntry(env)
/** Loaded with the first certificate: who only looks does not wait for the client of KMS. */
const ca = once(async () => (await import('./support-ca.aws.ts')).createCa(env.SUPPORT_CA_KEY))
const deps = createSupportDeps(clients, { ...names, agentsTable: env.AGENTS_TABLE }, ambient, {
  publicPoint: async () => (await ca()).publicPoint(),
  sign: async (message) => (await ca()).sign(message),
})

/** What support engineers see, behind the HTTP API. */
export const handler = middy(createHttpHandler(createApp([addSupportRoutes], deps, lambdaPlatform, gate)))
