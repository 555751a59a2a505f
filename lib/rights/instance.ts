import type * as iam from 'aws-cdk-lib/aws-iam'
import { TAGS } from '../../lambdas/contract/tags.ts'
import type { Place } from './place.ts'
import { allow, deny } from './statements.ts'

/** Filled in by IAM with the instance that the credentials were made for; nothing matches where there is none. */
const THIS_INSTANCE = '${ec2:SourceInstanceARN}'

/**
 * What an agent's machine may do: fetch the release that it runs, prove which machine it is, and read the one secret whose tag
 * names it (AWS IAM user guide, "ec2:SourceInstanceArn"). Whoever could set that tag or write the secret could read any, so that is denied outright, as are
 * credentials that came by the older metadata protocol.
 */
export const instanceRights = (place: Place, audience: string, assetsBucketArn: string): iam.PolicyStatement[] => [
  allow(['s3:GetObject'], [`${assetsBucketArn}/agent/*`]),
  allow(['secretsmanager:GetSecretValue'], [place.agentSecrets], {
    StringEquals: { [`aws:ResourceTag/${TAGS.instanceArn}`]: THIS_INSTANCE },
  }),
  allow(['kms:Decrypt'], [place.tenantKeys], place.forAgentSecrets),
  allow(['sts:GetWebIdentityToken'], ['*'], {
    'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': audience },
  }),
  deny(
    'NoHandOnSecrets',
    [
      'secretsmanager:TagResource',
      'secretsmanager:UntagResource',
      'secretsmanager:PutResourcePolicy',
      'secretsmanager:PutSecretValue',
      'secretsmanager:UpdateSecret',
      'secretsmanager:UpdateSecretVersionStage',
      'secretsmanager:ReplicateSecretToRegions',
    ],
    ['*'],
  ),
  deny('NoOldMetadataProtocol', ['*'], ['*'], { NumericLessThan: { 'ec2:RoleDelivery': '2.0' } }),
]
