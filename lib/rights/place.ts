import { Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { TAGS } from '../../lambdas/contract/tags.ts'

/** An id after its prefix has 26 characters, and Secrets Manager ends every ARN with six of its own. */
const ID = '?'.repeat(26)
const SUFFIX = '?'.repeat(6)

/** The ARNs under which functions make things at run time, for one account, region and stage. */
export interface Place {
  stage: string
  region: string
  accountId: string
  agentSecrets: string
  tenantKeys: string
  tenantAliases: string
  instances: string
  viaService: (service: string) => { 'kms:ViaService': string }
  ofStage: Record<string, string>
  /** Use of a key by Secrets Manager for agents' secrets alone, and for its own probe when one is made. */
  forAgentSecrets: Record<string, Record<string, string | string[]>>
}

export const placeOf = (scope: Construct, stage: string): Place => {
  const { region, account: accountId } = Stack.of(scope)
  const agentSecrets = `arn:aws:secretsmanager:${region}:${accountId}:secret:vestibule/${stage}/tenant/ten_${ID}/agent/agt_${ID}-${SUFFIX}`
  return {
    ...{ stage, region, accountId },
    agentSecrets,
    tenantKeys: `arn:aws:kms:${region}:${accountId}:key/*`,
    tenantAliases: `arn:aws:kms:${region}:${accountId}:alias/vestibule/${stage}/tenant/ten_${ID}`,
    instances: `arn:aws:ec2:${region}:${accountId}:instance/*`,
    viaService: (service) => ({ 'kms:ViaService': `${service}.${region}.amazonaws.com` }),
    forAgentSecrets: {
      StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` },
      StringLike: { 'kms:EncryptionContext:SecretARN': [agentSecrets, 'RequestToValidateKeyAccess'] },
    },
    ofStage: { [`aws:ResourceTag/${TAGS.stage}`]: stage },
  }
}
