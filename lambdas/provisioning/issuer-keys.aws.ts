import type { JWTVerifyGetKey } from 'jose'
import { DependencyError } from '../aws/errors.aws.ts'
import { once } from '../core/once.ts'

/**
 * The public keys of the account's identity issuer (AWS IAM user guide, outbound identity federation), fetched when first
 * asked for and again when a key is unknown. Without an issuer nobody is let in: the answer is 503 until the operator names it.
 */
export const createIssuerKeys = (issuer: string | undefined): JWTVerifyGetKey => {
  if (issuer === undefined) {
    return async () => {
      throw new DependencyError('identity-issuer', 'misused', new Error('identityIssuer is not configured'))
    }
  }
  const load = once(async () => {
    const { createRemoteJWKSet, errors } = await import('jose')
    return { keys: createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`)), errors }
  })
  return async (header, token) => {
    const { keys, errors } = await load()
    try {
      return await keys(header, token)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JOSENotSupported) throw error
      throw new DependencyError('identity-issuer', 'unavailable', error)
    }
  }
}
