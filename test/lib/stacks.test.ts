import { App } from 'aws-cdk-lib'
import { Match, Template } from 'aws-cdk-lib/assertions'
import { beforeAll, describe, expect, it } from 'vitest'
import { readDeployConfig } from '../../lib/config.ts'
import { ControlPlaneStack } from '../../lib/stacks/control-plane.ts'
import { DataStack } from '../../lib/stacks/data.ts'

describe('the templates', () => {
  let data: Template
  let controlPlane: Template

  beforeAll(() => {
    const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } })
    const dataStack = new DataStack(app, 'VestibuleData', {})
    const stack = new ControlPlaneStack(app, 'VestibuleControlPlane', {
      data: dataStack,
      stage: 'prod',
      version: '1',
      siteOrigin: 'https://site.example',
      logRetention: 90,
    })
    data = Template.fromStack(dataStack)
    controlPlane = Template.fromStack(stack)
  }, 60_000)

  it('IAC-05 keep every table encrypted under our key, recoverable and protected', () => {
    const tables = data.findResources('AWS::DynamoDB::Table')

    expect(Object.keys(tables)).toHaveLength(4)
    for (const table of Object.values(tables)) {
      expect(table.DeletionPolicy).toBe('Retain')
      expect(table.Properties).toMatchObject({
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
      })
    }
  })

  it('IAC-05 keep the bucket closed, versioned, TLS-only, and tell EventBridge of new requests', () => {
    expect(Object.keys(data.findResources('AWS::S3::Bucket'))).toHaveLength(1)
    data.hasResourceProperties('AWS::S3::Bucket', {
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      VersioningConfiguration: { Status: 'Enabled' },
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    })
    data.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    })
  })

  it('IAC-06 put only names into a function’s environment', () => {
    const [identity] = Object.values(controlPlane.findResources('AWS::Lambda::Function'))

    expect(identity?.Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: 1769,
      ReservedConcurrentExecutions: 50,
    })
    expect(Object.keys(identity?.Properties.Environment.Variables).toSorted()).toEqual([
      'AUDIT_TABLE',
      'DIRECTORY_TABLE',
      'LIMITS_TABLE',
      'ORIGIN_PROOF_SECRET',
      'SESSION_KEYS_SECRET',
      'SITE_ORIGIN',
      'VESTIBULE_STAGE',
      'VESTIBULE_VERSION',
    ])
  })

  it('AUD-03 let the identity function put and query the trail, and nothing more', () => {
    const policies = Object.values(controlPlane.findResources('AWS::IAM::Policy'))
    const statements = policies.flatMap((policy) => policy.Properties.PolicyDocument.Statement)
    const onAudit = statements.filter(
      (statement: any) =>
        JSON.stringify(statement.Resource).includes('Audit') && !JSON.stringify(statement.Resource).includes('index'),
    )

    expect(onAudit.map((statement: any) => statement.Action)).toEqual([['dynamodb:PutItem', 'dynamodb:Query']])
    expect(
      statements.flatMap((statement: any) => statement.Action).filter((action: string) => action.includes('*')),
    ).toEqual([])
  })

  it('IAC-08 keep the ids of what holds data', () => {
    const ids = Object.entries(data.toJSON().Resources as Record<string, { Type: string }>)
      .filter(([, { Type }]) => /Table|Bucket$|Secret$|Key$/.test(Type))
      .map(([id]) => id)

    expect(ids.toSorted()).toMatchInlineSnapshot(`
      [
        "Agents8DC46436",
        "Audit3D8ADE0A",
        "Directory98167B95",
        "Key961B73FD",
        "LimitsA6AFC87B",
        "OriginProof8E868A26",
        "RequestsC42AC379",
        "SessionKeys7DB38201",
      ]
    `)
  })

  it('report every mistake of the configuration at once', () => {
    const app = new App({
      context: { stage: 'Not A Stage', siteOrigin: 'http://plain.example', logRetentionDays: '7' },
    })

    expect(() => readDeployConfig(app)).toThrow(
      /stage is "Not A Stage".*siteOrigin is "http:\/\/plain.example".*logRetentionDays is "7"/,
    )
  })
})
