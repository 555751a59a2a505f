import type { errors, JWTVerifyGetKey } from 'jose'
import * as z from 'zod/mini'
import { INSTANCE_PROOF_SECONDS } from '../contract/facts.ts'
import type { Clock } from '../core/clock.ts'
import { once } from '../core/once.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Secret } from '../core/secret.ts'

/** Loaded with the first machine: a person who opens the dashboard does not wait for it. */
const jose = once(() => import('jose'))

/** The claims of STS GetWebIdentityToken that we rely on (AWS IAM user guide, outbound identity federation). */
const ProofClaims = z.object({
  jti: z.string().check(z.minLength(1), z.maxLength(200)),
  exp: z.number(),
  'https://sts.amazonaws.com/': z.object({ ec2_source_instance_arn: z.string() }),
})

export interface InstanceProof {
  instanceArn: string
  instanceId: string
  jti: string
  expiresAt: Date
}

export interface ProofInvalid {
  reason: 'proof_invalid'
  because: string
  /** What it says, where it was our issuer who said so: the signature holds and something else does not. */
  said?: InstanceProof
}

export interface ProofVerifier {
  keys: JWTVerifyGetKey
  issuer: string
  audience: string
}

const toProof = (claims: z.infer<typeof ProofClaims>): InstanceProof => {
  const { ec2_source_instance_arn: instanceArn } = claims['https://sts.amazonaws.com/']
  return {
    instanceArn,
    instanceId: instanceArn.split('/').at(-1) ?? '',
    jti: claims.jti,
    expiresAt: new Date(claims.exp * 1000),
  }
}

/** The library looks at claims only once the signature holds. */
const toInvalid = ({ code, claim, payload }: errors.JWTExpired | errors.JWTClaimValidationFailed): ProofInvalid => {
  const because = code === 'ERR_JWT_EXPIRED' ? 'expired' : claim === 'aud' ? 'another_audience' : code
  const { data } = ProofClaims.safeParse(payload)
  return { reason: 'proof_invalid', because, ...(data === undefined ? {} : { said: toProof(data) }) }
}

/**
 * Checks a signed statement of which instance is calling: our account's issuer, our audience, young, with an instance in it.
 * Whether that instance is one of ours, and whether the proof was used before, is the caller's to ask.
 */
export const verifyInstanceProof = async (
  { keys, issuer, audience, clock }: ProofVerifier & { clock: Clock },
  proof: Secret,
): Promise<Result<InstanceProof, ProofInvalid>> => {
  const { errors, jwtVerify } = await jose()
  try {
    const { payload } = await jwtVerify(proof.reveal(), keys, {
      issuer,
      audience,
      algorithms: ['ES384', 'RS256'],
      maxTokenAge: INSTANCE_PROOF_SECONDS,
      requiredClaims: ['exp', 'iat', 'jti'],
      currentDate: clock.now(),
    })
    const claims = ProofClaims.safeParse(payload)
    return claims.success ? ok(toProof(claims.data)) : fail({ reason: 'proof_invalid', because: 'claims' })
  } catch (error) {
    if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed)
      return fail(toInvalid(error))
    if (error instanceof errors.JOSEError) return fail({ reason: 'proof_invalid', because: error.code })
    throw error
  }
}
