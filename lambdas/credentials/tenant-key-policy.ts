/** Pure: no I/O, no clock. */

export interface KeyPlace {
  accountId: string
  region: string
  stage: string
}

/**
 * The policy of a tenant's key (AWS KMS developer guide, "Key policies"): the account administers it and cannot use it; it
 * is used only through Secrets Manager for this tenant's secrets, whose ARN is the encryption context, and through EC2 for
 * volumes. `RequestToValidateKeyAccess` is the context of Secrets Manager's own probe when a secret is created. Without
 * `kms:Encrypt` a secret that gets this key keeps its versions under the one before (API reference, UpdateSecret).
 */
export const tenantKeyPolicy = ({ accountId, region, stage }: KeyPlace, tenantId: string): string => {
  const account = { AWS: `arn:aws:iam::${accountId}:root` }
  const ownSecrets = `arn:aws:secretsmanager:${region}:${accountId}:secret:vestibule/${stage}/tenant/${tenantId}/agent/*`
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'AdministerWithoutUse',
        Effect: 'Allow',
        Principal: account,
        Action: [
          'kms:DescribeKey',
          'kms:GetKeyPolicy',
          'kms:PutKeyPolicy',
          'kms:GetKeyRotationStatus',
          'kms:EnableKeyRotation',
          'kms:ListResourceTags',
          'kms:TagResource',
          'kms:CreateAlias',
          'kms:UpdateAlias',
          'kms:DeleteAlias',
          'kms:DisableKey',
          'kms:EnableKey',
          'kms:ScheduleKeyDeletion',
          'kms:CancelKeyDeletion',
        ],
        Resource: '*',
      },
      {
        Sid: 'UseForThisTenantsSecrets',
        Effect: 'Allow',
        Principal: account,
        Action: ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey'],
        Resource: '*',
        Condition: {
          StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` },
          StringLike: { 'kms:EncryptionContext:SecretARN': [ownSecrets, 'RequestToValidateKeyAccess'] },
        },
      },
      {
        Sid: 'UseForVolumes',
        Effect: 'Allow',
        Principal: account,
        Action: ['kms:Decrypt', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:ReEncrypt*', 'kms:CreateGrant'],
        Resource: '*',
        Condition: { StringEquals: { 'kms:ViaService': `ec2.${region}.amazonaws.com` } },
      },
    ],
  })
}
