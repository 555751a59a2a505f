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
}

export const placeOf = (scope: Construct, stage: string): Place => {
  const { region, account: accountId } = Stack.of(scope)
  return {
    ...{ stage, region, accountId },
    agentSecrets: `arn:aws:secretsmanager:${region}:${accountId}:secret:vestibule/${stage}/tenant/ten_${ID}/agent/agt_${ID}-${SUFFIX}`,
    tenantKeys: `arn:aws:kms:${region}:${accountId}:key/*`,
    tenantAliases: `arn:aws:kms:${region}:${accountId}:alias/vestibule/${stage}/tenant/ten_${ID}`,
    instances: `arn:aws:ec2:${region}:${accountId}:instance/*`,
    viaService: (service) => ({ 'kms:ViaService': `${service}.${region}.amazonaws.com` }),
    ofStage: { [`aws:ResourceTag/${TAGS.stage}`]: stage },
  }
}
