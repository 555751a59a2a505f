import type { MiddlewareHandler } from 'hono'
import { ORIGIN_PROOF_HEADER } from '../../contract/site.ts'
import { equalsConstantTime, sha256Bytes } from '../../core/digest.ts'
import type { Secret } from '../../core/secret.ts'
import { refuse } from '../refuse.ts'
import type { AppEnv } from '../request.ts'

/**
 * Lets in only what came through our own edge, which adds a header that nobody else knows. Two values are good while one
 * replaces the other.
 */
export const originProof =
  (proofs: () => Promise<readonly Secret[]>): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const given = sha256Bytes(c.req.header(ORIGIN_PROOF_HEADER) ?? '')
    const accepted = await proofs()
    if (accepted.some((proof) => equalsConstantTime(given, sha256Bytes(proof.reveal())))) return next()
    return refuse(c, { code: 'forbidden', reason: 'origin_proof', message: 'Call the site, not this address.' })
  }
