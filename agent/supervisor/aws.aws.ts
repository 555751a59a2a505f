import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { GetWebIdentityTokenCommand, STSClient } from '@aws-sdk/client-sts'
import * as z from 'zod/mini'
import { INSTANCE_PROOF_SECONDS } from '../../lambdas/contract/facts.ts'
import type { Instructions } from '../../lambdas/contract/instance.ts'
import { Secret } from '../../lambdas/core/secret.ts'
import type { Credentials } from './credentials-file.ts'

/** What the control plane stores; only the values matter here. */
const StoredSecret = z.object({ credentials: z.record(z.string(), z.string()) })

/**
 * The two things that the machine's role may do. The credentials come from the instance's metadata service, which only root
 * can reach here.
 */
export const createMachineAws = ({ region, proofAudience, secretId }: Instructions) => {
  const sts = new STSClient({ region })
  const secrets = new SecretsManagerClient({ region })
  return {
    /** A short statement by STS of which instance this is, made for our control plane alone (AWS STS, GetWebIdentityToken). */
    prove: async (): Promise<Secret> => {
      const { WebIdentityToken = '' } = await sts.send(
        new GetWebIdentityTokenCommand({
          Audience: [proofAudience],
          SigningAlgorithm: 'ES384',
          DurationSeconds: INSTANCE_PROOF_SECONDS,
        }),
      )
      return new Secret(WebIdentityToken)
    },

    /** Null while the secret is not bound to this machine yet: the control plane does that right after the launch. */
    readCredentials: async (): Promise<{ versionId: string; credentials: Credentials } | null> => {
      try {
        const { SecretString = 'null', VersionId = '' } = await secrets.send(
          new GetSecretValueCommand({ SecretId: secretId, VersionStage: 'AWSCURRENT' }),
        )
        const { credentials } = StoredSecret.parse(JSON.parse(SecretString))
        return {
          versionId: VersionId,
          credentials: new Map(Object.entries(credentials).map(([kind, value]) => [kind, new Secret(value)])),
        }
      } catch (error) {
        if (error instanceof Error && error.name === 'AccessDeniedException') return null
        throw error
      }
    },
  }
}
