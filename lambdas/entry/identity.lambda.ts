import middy from '@middy/core'
import { createPasswordHasher } from '../accounts/password-hash.ts'
import { FunctionEnv, loadEnv } from '../contract/env.ts'
import { once } from '../core/once.ts'
import { systemRandom } from '../core/random.ts'
import { createApp } from '../http/app.ts'
import { addIdentityRoutes } from '../http/identity-routes.ts'
import type { PostInviteMail } from '../invites/post-invite-mail.ts'
import { createIdentityDeps } from './deps.aws.ts'
import { createHttpHandler, lambdaPlatform } from './http-handler.ts'
import { createWebEntry } from './web-entry.aws.ts'

const env = loadEnv(FunctionEnv.identity, process.env)
const { clients, names, ambient, gate } = createWebEntry(env)

/** Loaded with the first invite that is mailed: a sign-in does not wait for the client of KMS. */
const postMailUnder = (mailKey: string): PostInviteMail => {
  const post = once(async () => {
    const [{ createMailPost }, { createKmsClient }] = await Promise.all([
      import('./mail-post.aws.ts'),
      import('../aws/kms-client.aws.ts'),
    ])
    return createMailPost({ dynamo: clients.dynamo, kms: createKmsClient({}) }, { ...names, mailKey })
  })
  return async (...mail) => (await post())(...mail)
}

const deps = createIdentityDeps(clients, names, {
  ...ambient,
  passwords: createPasswordHasher(systemRandom),
  postMail: env.MAIL_KEY === undefined ? null : postMailUnder(env.MAIL_KEY),
})

/** Invites, sign-up, sign-in, sessions, tokens and the trail, behind the HTTP API. */
export const handler = middy(createHttpHandler(createApp([addIdentityRoutes], deps, lambdaPlatform, gate)))
