import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as kms from 'aws-cdk-lib/aws-kms'
import * as s3 from 'aws-cdk-lib/aws-s3'
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import { TABLES } from '../../lambdas/contract/tables.ts'
import type { DeployConfig } from '../config.ts'
import { addBackups } from '../constructs/backups.ts'
import { createDataKey } from '../constructs/data-key.ts'
import { createTable } from '../constructs/product-table.ts'

/** Secrets Manager generates letters and digits only, so that the text is base64 too: 64 of them are 381 bits. */
const GENERATED_CHARACTERS = 64

/** What is put is put once and never over, by whomever (Amazon S3 user guide, "Enforce conditional writes"). */
const refuseOverwriting = (bucket: s3.Bucket): void => {
  bucket.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'WriteOnce',
      effect: iam.Effect.DENY,
      principals: [new iam.AnyPrincipal()],
      actions: ['s3:PutObject'],
      resources: [bucket.arnForObjects('*')],
      conditions: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
    }),
  )
}

export interface DataProps extends StackProps {
  config: DeployConfig
}

/** What must survive everything else: tables, buckets of provision requests, releases and the archived trail, the secrets of the installation, their key. */
export class DataStack extends Stack {
  readonly key: kms.Key
  readonly directoryTable: dynamodb.Table
  readonly agentsTable: dynamodb.Table
  readonly limitsTable: dynamodb.Table
  readonly auditTable: dynamodb.Table
  readonly requestsBucket: s3.Bucket
  /** The trail once more, in objects that nobody can take away before their time. */
  readonly archiveBucket: s3.Bucket
  /** Releases of what runs on the machines, each signed. */
  readonly assetsBucket: s3.Bucket
  /** Signs releases, with the operator's rights at a deploy; no function may. */
  readonly releaseKey: kms.Key
  readonly sessionKeysSecret: secretsmanager.Secret
  readonly originProofSecret: secretsmanager.Secret
  /** Signs certificates for support; made here because agents trust it for as long as they live. */
  readonly supportCa: kms.Key

  constructor(scope: Construct, id: string, { config, ...props }: DataProps) {
    super(scope, id, { ...props, terminationProtection: true })
    this.key = createDataKey(this, 'Key')
    this.directoryTable = createTable(this, 'Directory', TABLES.directory, this.key)
    this.agentsTable = createTable(this, 'Agents', TABLES.agents, this.key)
    this.limitsTable = createTable(this, 'Limits', TABLES.limits, this.key)
    this.auditTable = createTable(this, 'Audit', TABLES.audit, this.key)
    this.requestsBucket = this.createRequestsBucket()
    this.archiveBucket = this.createArchiveBucket(config.auditLockDays)
    this.assetsBucket = this.createAssetsBucket()
    this.releaseKey = this.createSigningKey('Releases', 'Vestibule: signs what runs on agents’ machines')
    this.sessionKeysSecret = this.createSecret('SessionKeys', 'Keys that sign sessions', { kid: 'first' }, 'key')
    this.originProofSecret = this.createSecret('OriginProof', 'What the edge proves itself with', {}, 'a')
    // Another generation is another key; the one before stays in the account until somebody deletes it.
    const generation = config.supportCaGeneration
    this.supportCa = this.createSigningKey(
      generation === 1 ? 'SupportCa' : `SupportCa${generation}`,
      'Vestibule: signs SSH certificates for support',
    )
    addBackups(this, 'Backups', this.key, [this.directoryTable, this.agentsTable, this.auditTable])
  }

  private createSigningKey(id: string, description: string): kms.Key {
    return new kms.Key(this, id, {
      description,
      keySpec: kms.KeySpec.ECC_NIST_P256,
      keyUsage: kms.KeyUsage.SIGN_VERIFY,
      removalPolicy: RemovalPolicy.RETAIN,
    })
  }

  /** Nothing in it is secret; what makes a release good is its signature. The machines' role reads it without any key. */
  private createAssetsBucket(): s3.Bucket {
    return new s3.Bucket(this, 'Assets', {
      encryption: s3.BucketEncryption.S3_MANAGED,
      versioned: true,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: RemovalPolicy.RETAIN,
    })
  }

  private createRequestsBucket(): s3.Bucket {
    const bucket = new s3.Bucket(this, 'Requests', {
      encryption: s3.BucketEncryption.KMS,
      encryptionKey: this.key,
      bucketKeyEnabled: true,
      versioned: true,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [{ noncurrentVersionExpiration: Duration.days(90) }],
      removalPolicy: RemovalPolicy.RETAIN,
    })
    const resource = bucket.node.defaultChild
    if (!(resource instanceof s3.CfnBucket))
      throw new Error('the bucket has no CloudFormation resource; check the CDK version')
    // The L2 switch would add a custom resource with a Lambda of its own.
    resource.addPropertyOverride('NotificationConfiguration.EventBridgeConfiguration', { EventBridgeEnabled: true })
    refuseOverwriting(bucket)
    return bucket
  }

  /** Compliance mode: until its time is over nobody ends a lock, not the account's root, and not AWS at their word. */
  private createArchiveBucket(lockDays: number): s3.Bucket {
    const bucket = new s3.Bucket(this, 'Archive', {
      encryption: s3.BucketEncryption.KMS,
      encryptionKey: this.key,
      bucketKeyEnabled: true,
      versioned: true,
      objectLockEnabled: true,
      objectLockDefaultRetention: s3.ObjectLockRetention.compliance(Duration.days(lockDays)),
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: RemovalPolicy.RETAIN,
    })
    refuseOverwriting(bucket)
    return bucket
  }

  /** A document whose one secret field is generated in the account, so that no template and no person ever holds it. */
  private createSecret(
    id: string,
    description: string,
    fields: Record<string, string>,
    generateStringKey: string,
  ): secretsmanager.Secret {
    return new secretsmanager.Secret(this, id, {
      description,
      encryptionKey: this.key,
      removalPolicy: RemovalPolicy.RETAIN,
      generateSecretString: {
        secretStringTemplate: JSON.stringify(fields),
        generateStringKey,
        excludePunctuation: true,
        passwordLength: GENERATED_CHARACTERS,
      },
    })
  }
}
