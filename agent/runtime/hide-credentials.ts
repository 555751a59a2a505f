import type { Secret } from '../../lambdas/core/secret.ts'
import type { Credentials } from './credentials-file.ts'

/** A text without the credentials that it quotes: what a command printed by accident does not end up in a channel. */
export const hideCredentials = (text: string, credentials: Credentials): string =>
  Object.values(credentials)
    .filter((secret): secret is Secret => secret !== undefined)
    .reduce((hidden, secret) => hidden.replaceAll(secret.reveal(), '[credential]'), text)
