import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { listSuppressions } from '../../lib/nag.ts'
import { type Assembly, FULL, MINIMAL, synthesise } from '../support/assembly.ts'
import { decide } from '../support/iam-policy.ts'
import {
  readTemplates,
  ROLE_POLICIES,
  STACKS,
  statementsOf as statementsOfRole,
  type Templates,
} from '../support/templates.ts'

/** The key that signed before, while another takes over. */
const RETIRING = 'arn:aws:kms:eu-central-1:123456789012:key/0a0a0a0a-0000-4000-8000-000000000000'

/** Every template of a newcomer's configuration, of one that chooses everything, and of one that changes its support CA. */
let assemblies: Record<'minimal' | 'full' | 'rotating', { assembly: Assembly; templates: Templates }>

beforeAll(async () => {
  const load = async (config: Record<string, unknown>) => {
    const assembly = await synthesise(config)
    return { assembly, templates: readTemplates(assembly.directory) }
  }
  assemblies = {
    minimal: await load(MINIMAL),
    full: await load(FULL),
    rotating: await load({ supportCaGeneration: '2', retiringSupportCa: RETIRING }),
  }
}, 180_000)

const each = (check: (templates: Templates) => void): void => {
  for (const { templates } of Object.values(assemblies)) check(templates)
}
const propertiesOf = (templates: Templates, type: string) =>
  templates.ofType(type).map(({ stack, Properties }) => templates.resolve(stack, Properties))
const statementsOf = (policy: any): any[] => [policy.PolicyDocument.Statement].flat()
const isDataKey = (value: unknown): boolean => /Key961B73FD/.test(JSON.stringify(value))

describe('what holds data', () => {
  it('IAC-05 lies under our own key, all of it but releases, which are signed and no secret', () => {
    each((templates) => {
      const held: [string, (properties: any) => unknown][] = [
        ['AWS::DynamoDB::Table', (table) => table.SSESpecification.KMSMasterKeyId],
        ['AWS::SQS::Queue', (queue) => queue.KmsMasterKeyId],
        ['AWS::Logs::LogGroup', (group) => group.KmsKeyId],
        ['AWS::SecretsManager::Secret', (secret) => secret.KmsKeyId],
        ['AWS::SNS::Topic', (topic) => topic.KmsMasterKeyId],
        ['AWS::Backup::BackupVault', (vault) => vault.EncryptionKeyArn],
        [
          'AWS::S3::Bucket',
          (bucket) =>
            bucket.BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.KMSMasterKeyID,
        ],
      ]
      for (const [type, keyOf] of held) {
        const all = templates
          .ofType(type)
          .filter(({ id }) => !id.startsWith('Assets'))
          .map(({ stack, Properties }) => templates.resolve(stack, Properties))
        expect([type, all.length > 0]).toEqual([type, true])
        for (const properties of all) expect([type, isDataKey(keyOf(properties))]).toEqual([type, true])
      }
    })
  })

  it('IAC-05 can be got back: tables to the second, buckets by version, backups for 90 days', () => {
    each((templates) => {
      for (const table of templates.ofType('AWS::DynamoDB::Table')) {
        expect([table.DeletionPolicy, table.UpdateReplacePolicy]).toEqual(['Retain', 'Retain'])
        expect(table.Properties).toMatchObject({
          BillingMode: 'PAY_PER_REQUEST',
          DeletionProtectionEnabled: true,
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        })
      }
      for (const bucket of templates.ofType('AWS::S3::Bucket')) {
        expect([bucket.DeletionPolicy, bucket.Properties.VersioningConfiguration.Status]).toEqual(['Retain', 'Enabled'])
      }
      for (const type of ['AWS::KMS::Key', 'AWS::SecretsManager::Secret', 'AWS::Logs::LogGroup'])
        for (const one of templates.ofType(type)) expect([one.id, one.DeletionPolicy]).toEqual([one.id, 'Retain'])
      const [plan] = propertiesOf(templates, 'AWS::Backup::BackupPlan')
      expect(plan.BackupPlan.BackupPlanRule[0].Lifecycle.DeleteAfterDays).toBe(90)
    })
    expect(assemblies.minimal.assembly.stacks.data.terminationProtection).toBe(true)
  })

  it('IAC-05 is spoken to over TLS alone, and no bucket is open to anybody', () => {
    each((templates) => {
      const insecure = { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }
      const policiesOf = (type: string, field: string, id: string) =>
        templates
          .ofType(type)
          .filter(({ Properties }) => JSON.stringify(Properties[field]).includes(`"${id}"`))
          .flatMap(({ Properties }) => statementsOf(Properties))
      for (const bucket of templates.ofType('AWS::S3::Bucket')) {
        expect(policiesOf('AWS::S3::BucketPolicy', 'Bucket', bucket.id)).toContainEqual(
          expect.objectContaining(insecure),
        )
        expect(Object.values(bucket.Properties.PublicAccessBlockConfiguration)).toEqual([true, true, true, true])
      }
      for (const queue of templates.ofType('AWS::SQS::Queue'))
        expect(policiesOf('AWS::SQS::QueuePolicy', 'Queues', queue.id)).toContainEqual(
          expect.objectContaining(insecure),
        )
    })
  })

  it.each(['Requests', 'Archive'])('takes each object of %s once: a put without If-None-Match is denied', (name) => {
    each((templates) => {
      const [policy] = templates.ofType('AWS::S3::BucketPolicy').filter(({ id }) => id.startsWith(`${name}Policy`))
      expect(statementsOf(policy?.Properties)).toContainEqual(
        expect.objectContaining({
          Effect: 'Deny',
          Principal: { AWS: '*' },
          Action: 's3:PutObject',
          Condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
        }),
      )
    })
  })

  it('A2 A12 keeps the archived trail locked for as long as was chosen, and nothing of it ever expires', () => {
    const archiveOf = (templates: Templates) =>
      templates.ofType('AWS::S3::Bucket').find(({ id }) => id.startsWith('Archive'))?.Properties
    for (const [templates, days] of [
      [assemblies.minimal.templates, 365],
      [assemblies.full.templates, 2555],
    ] as const) {
      expect(archiveOf(templates)).toMatchObject({
        ObjectLockEnabled: true,
        ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: days } } },
      })
      expect(archiveOf(templates).LifecycleConfiguration).toBeUndefined()
    }
  })

  it('A1 A2 lets the archivist alone into the archive, to put and to read; it writes no event and takes none away', () => {
    each((templates) => {
      const policies = templates.ofType('AWS::IAM::Policy').map(({ stack, id, Properties }) => ({
        id,
        statements: statementsOf(templates.resolve(stack, Properties)).filter(({ Effect }) => Effect === 'Allow'),
      }))
      const actionsOn = (place: RegExp, of = policies) =>
        of.flatMap(({ id, statements }) =>
          statements
            .filter(({ Resource }) => place.test(JSON.stringify(Resource)))
            .flatMap(({ Action }) => [Action].flat().map((action) => `${id.replace(/Role.*/, '')} ${action}`)),
        )
      expect(actionsOn(/ArchiveDA4CB258/).toSorted()).toEqual(['Archivist s3:GetObject', 'Archivist s3:PutObject'])
      const archivist = policies.filter(({ id }) => id.startsWith('Archivist'))
      expect(actionsOn(/Audit3D8ADE0A/, archivist).toSorted()).toEqual([
        'Archivist dynamodb:Query',
        'Archivist dynamodb:Query',
      ])
    })
  })

  it('IAC-08 keeps its logical ids: a change of one would replace what holds data', () => {
    for (const { templates } of [assemblies.minimal, assemblies.full]) {
      const ids = templates.all.filter(({ stack }) => stack === 'VestibuleData').map(({ id }) => id)
      expect(ids.toSorted()).toEqual([
        'Agents8DC46436',
        'ArchiveDA4CB258',
        'ArchivePolicyC780D5C8',
        'Assets9A31D427',
        'AssetsPolicy206C37E3',
        'Audit3D8ADE0A',
        'BackupsPlan46F4F976',
        'BackupsPlanTablesDCA6876E',
        'BackupsRole2D6A3674',
        'BackupsRoleDefaultPolicy2AF27A2A',
        'BackupsVault4B0F6665',
        'Directory98167B95',
        'Key961B73FD',
        'LimitsA6AFC87B',
        'OriginProof8E868A26',
        'ReleasesE6BA3EBF',
        'RequestsC42AC379',
        'RequestsPolicy268960DC',
        'SessionKeys7DB38201',
        'SupportCa7F6C53D5',
      ])
    }
  })

  it('H15 makes another key for another generation of the support CA; machines are told of both, one of them signs', () => {
    const { templates } = assemblies.rotating
    const signers = templates.ofType('AWS::KMS::Key').filter(({ id }) => id.startsWith('SupportCa'))
    expect(signers.map(({ id, DeletionPolicy }) => [id.slice(0, -8), DeletionPolicy])).toEqual([
      ['SupportCa2', 'Retain'],
    ])
    const [signer] = signers
    const ofFunction = (name: string) => {
      const fn = templates.ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith(`${name}Function`))
      const role = templates.ofType('AWS::IAM::Role').find(({ id }) => id.startsWith(`${name}Role`))
      const keys = (role === undefined ? [] : statementsOfRole(templates, role))
        .filter(({ Action }) => Action.includes('kms:GetPublicKey'))
        .map(({ Action, Resource }) => [Action, Resource])
      return { env: templates.resolve(fn?.stack ?? '', fn?.Properties.Environment.Variables), keys }
    }
    const current = templates.resolve('VestibuleData', { 'Fn::GetAtt': [signer?.id, 'Arn'] })
    const agents = ofFunction('Agents')
    expect(agents.env.SUPPORT_CA_KEYS).toBe(`${current},${RETIRING}`)
    expect(agents.keys).toEqual([[['kms:GetPublicKey'], [current, RETIRING]]])
    const support = ofFunction('Support')
    expect(support.env.SUPPORT_CA_KEY).toBe(current)
    expect(support.keys).toEqual([[['kms:Sign', 'kms:GetPublicKey'], [current]]])
  })

  it('IAC-06 stands in no template and no environment: names and references alone', () => {
    each((templates) => {
      const text = JSON.stringify(templates.toJSON())
      expect(text).not.toMatch(
        /sk-ant-|ghp_|xoxb-|xapp-|AKIA[A-Z0-9]{16}|BEGIN (?:RSA |EC )?PRIVATE KEY|vst_(?:inv|pat)_/,
      )
      for (const fn of templates.ofType('AWS::Lambda::Function')) {
        // A digest of what is public says nothing.
        for (const [name, value] of Object.entries<string>(
          templates.resolve(fn.stack, fn.Properties.Environment.Variables),
        ))
          if (!['AGENT_RELEASE', 'RELEASE_KEY'].includes(name))
            expect(`${name}=${value}`).not.toMatch(/[A-Za-z0-9+/]{40,}={0,2}$|\{\{resolve/)
      }
      for (const { Properties } of templates.ofType('AWS::SecretsManager::Secret'))
        expect(Properties).toMatchObject({ GenerateSecretString: { PasswordLength: 64 } })
    })
  })
})

describe('the network', () => {
  it('SSH-07 lets nothing in: no address of the world may enter any group, nor any machine be addressed by SSH keys', () => {
    each((templates) => {
      const open = [
        ...propertiesOf(templates, 'AWS::EC2::SecurityGroup').flatMap(
          ({ SecurityGroupIngress = [] }) => SecurityGroupIngress,
        ),
        ...propertiesOf(templates, 'AWS::EC2::SecurityGroupIngress'),
      ]
      expect(open.filter(({ CidrIp, CidrIpv6 }) => CidrIp !== undefined || CidrIpv6 !== undefined)).toEqual([])
      const ssh = open.filter(({ FromPort }) => FromPort === 22)
      expect(ssh).toHaveLength(1)
      expect(ssh[0].SourceSecurityGroupId).toMatch(/SupportPathGroup/)
    })
  })

  it('SSH-01 gives a plain agent a group with no way in at all', () => {
    each((templates) => {
      const [agents] = templates.ofType('AWS::EC2::SecurityGroup').filter(({ id }) => id.startsWith('Agents'))
      expect(agents?.Properties.SecurityGroupIngress).toBeUndefined()
      const added = templates
        .ofType('AWS::EC2::SecurityGroupIngress')
        .map(({ Properties }) => JSON.stringify(Properties.GroupId))
      expect(added.filter((group) => group.includes(`"${agents?.id}"`))).toEqual([])
    })
  })

  it('P18 gives an agent in quarantine a group with no way in and none out', () => {
    each((templates) => {
      const group = templates.ofType('AWS::EC2::SecurityGroup').find(({ id }) => id.startsWith('Quarantined'))
      expect(group?.Properties.SecurityGroupIngress).toBeUndefined()
      // What CloudFormation needs so that EC2 adds no rule of its own: a kind of ICMP that nobody answers, to nobody.
      expect(group?.Properties.SecurityGroupEgress).toMatchObject([
        { CidrIp: '255.255.255.255/32', IpProtocol: 'icmp', FromPort: 252, ToPort: 86 },
      ])
      for (const type of ['AWS::EC2::SecurityGroupIngress', 'AWS::EC2::SecurityGroupEgress'])
        expect(JSON.stringify(templates.ofType(type).map(({ Properties }) => Properties))).not.toContain(group?.id)
    })
  })

  it('EC2-10 launches with IMDSv2, one hop, an encrypted volume and no key pair', () => {
    each((templates) => {
      const [template] = propertiesOf(templates, 'AWS::EC2::LaunchTemplate')
      expect(template.LaunchTemplateData).toMatchObject({
        MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
        BlockDeviceMappings: [{ Ebs: { Encrypted: true, VolumeType: 'gp3' } }],
      })
      expect(template.LaunchTemplateData.KeyName).toBeUndefined()
    })
  })

  it('S11 has its free ways to S3 and DynamoDB always, each with a policy; the paid ones only in the private profile', () => {
    const kinds = (templates: Templates) =>
      propertiesOf(templates, 'AWS::EC2::VPCEndpoint').map(({ VpcEndpointType, PolicyDocument }) => [
        VpcEndpointType,
        PolicyDocument !== undefined,
      ])
    expect(kinds(assemblies.minimal.templates)).toEqual([
      ['Gateway', true],
      ['Gateway', true],
    ])
    expect(kinds(assemblies.full.templates)).toEqual([
      ['Gateway', true],
      ['Gateway', true],
      ['Interface', true],
      ['Interface', true],
    ])
    expect(assemblies.minimal.templates.ofType('AWS::EC2::NatGateway')).toEqual([])
    expect(assemblies.full.templates.ofType('AWS::EC2::NatGateway')).toHaveLength(1)
  })

  it('S7 lets out everything in the open profile; HTTPS to allowed names alone in the others', () => {
    const egress = (templates: Templates) =>
      propertiesOf(templates, 'AWS::EC2::SecurityGroup')
        .filter(({ GroupDescription }) => GroupDescription.startsWith('Every agent'))
        .flatMap(({ SecurityGroupEgress }) => SecurityGroupEgress)
        .map(({ IpProtocol, FromPort, ToPort }) => [IpProtocol, FromPort, ToPort])
    expect(egress(assemblies.minimal.templates)).toEqual([['-1', undefined, undefined]])
    expect(egress(assemblies.full.templates)).toEqual([['tcp', 443, 443]])
    const { templates } = assemblies.full
    const [rules] = propertiesOf(templates, 'AWS::Route53Resolver::FirewallRuleGroup')
    expect(rules.FirewallRules.map(({ Action, Priority }: any) => [Priority, Action])).toEqual([
      [100, 'ALLOW'],
      [200, 'BLOCK'],
    ])
    const lists = propertiesOf(templates, 'AWS::Route53Resolver::FirewallDomainList').map(({ Domains }) => Domains)
    expect(lists[0]).toEqual(
      expect.arrayContaining(['api.anthropic.com', 'vestibule.example.com', '*.eu-central-1.amazonaws.com']),
    )
    expect(lists[1]).toEqual(['*'])
  })

  it('O14 stays in the region that was chosen, but for the firewall that CloudFront takes from one place', () => {
    const regions = Object.values(assemblies.full.assembly.stacks).map(({ region, node }) => [node.id, region])
    expect(regions).toEqual(STACKS.map((id) => [id, id === 'VestibuleEdge' ? 'us-east-1' : 'eu-central-1']))
  })
})

describe('functions', () => {
  it('run on Node.js 24 and arm64, with room of their own for identity and provisioner', () => {
    each((templates) => {
      const all = Object.fromEntries(
        templates
          .ofType('AWS::Lambda::Function')
          .map(({ id, Properties }) => [id.replace(/Function.*/, ''), Properties]),
      )
      for (const one of Object.values(all))
        expect(one).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] })
      expect(all.Identity).toMatchObject({ MemorySize: 1769, ReservedConcurrentExecutions: 50 })
      expect(all.Provisioner).toMatchObject({ ReservedConcurrentExecutions: 9 })
      expect(Object.keys(all).slice(0, 6).toSorted()).toEqual([
        'Agents',
        'Archivist',
        'Identity',
        'Provisioner',
        'Reconciler',
        'Support',
      ])
    })
    expect(assemblies.full.templates.ofType('AWS::Lambda::Function')).toHaveLength(7)
  })

  it('P18 may take from an agent’s secret the tag that binds it to a machine, and no other', () => {
    each((templates) => {
      const secret = `arn:aws:secretsmanager:eu-central-1:000000000000:secret:vestibule/${templates === assemblies.full.templates ? 'full' : 'prod'}/tenant/ten_${'0'.repeat(26)}/agent/agt_${'0'.repeat(26)}-AbCdEf`
      for (const name of ['Provisioner', 'Reconciler', 'Agents']) {
        const role = templates.ofType('AWS::IAM::Role').find(({ id }) => id.startsWith(`${name}Role`))
        const statements = role === undefined ? [] : statementsOfRole(templates, role)
        const may = (...tagKeys: string[]) =>
          decide(statements, {
            action: 'secretsmanager:UntagResource',
            resource: secret,
            context: tagKeys.length === 0 ? {} : { 'aws:TagKeys': tagKeys },
          }).allowed
        const isLauncher = name !== 'Agents'
        expect([name, may('instance-arn'), may('instance-arn', 'vestibule-tenant'), may()]).toEqual([
          name,
          isLauncher,
          false,
          false,
        ])
      }
    })
  })

  it('PRV-10 have a dead-letter queue behind every asynchronous edge, and six time-outs of visibility', () => {
    each((templates) => {
      const queues = templates.ofType('AWS::SQS::Queue')
      const isDeadLetters = (id: string) =>
        queues.some(({ Properties }) => JSON.stringify(Properties.RedrivePolicy ?? '').includes(id))
      for (const rule of templates.ofType('AWS::Events::Rule'))
        for (const target of rule.Properties.Targets ?? [])
          expect([rule.id, 'DeadLetterConfig' in target]).toEqual([rule.id, true])
      for (const source of templates.ofType('AWS::Lambda::EventSourceMapping')) {
        const text = JSON.stringify(source.Properties)
        const queue = queues.find(({ id }) => text.includes(id))
        const fn = templates.ofType('AWS::Lambda::Function').find(({ id }) => text.includes(id))
        expect(queue?.Properties.RedrivePolicy.maxReceiveCount).toBe(5)
        expect(queue?.Properties.VisibilityTimeout).toBeGreaterThanOrEqual(6 * fn?.Properties.Timeout)
        expect(source.Properties.FunctionResponseTypes).toEqual(['ReportBatchItemFailures'])
      }
      for (const rule of templates
        .ofType('AWS::Events::Rule')
        .filter(({ Properties }) => Properties.ScheduleExpression)) {
        const [target] = rule.Properties.Targets
        const fn = templates.ofType('AWS::Lambda::Function').find(({ id }) => JSON.stringify(target.Arn).includes(id))
        expect([rule.id, fn !== undefined, fn?.Properties.DeadLetterConfig !== undefined]).toEqual([
          rule.id,
          true,
          true,
        ])
      }
      expect(queues.filter(({ id }) => isDeadLetters(id)).length).toBeGreaterThan(0)
    })
  })

  it('S13 take launches from a standard queue of their own, which the provisioner fills, so that nothing else waits in their line', () => {
    each((templates) => {
      const queueOf = (ruleId: string): string => {
        const rule = templates.ofType('AWS::Events::Rule').find(({ id }) => id.startsWith(ruleId))
        return /\["(\w+?)Queue\w+","Arn"\]/.exec(JSON.stringify(rule?.Properties.Targets))?.[1] ?? ''
      }
      const queues = (...names: string[]) =>
        templates.ofType('AWS::SQS::Queue').filter(({ id }) => names.some((name) => id.startsWith(`${name}Queue`)))
      const keysOf = (ruleId: string): { prefix: string }[] =>
        templates.ofType('AWS::Events::Rule').find(({ id }) => id.startsWith(ruleId))?.Properties.EventPattern.detail
          .object.key
      expect(['LaunchRequests', 'ProvisionRequests', 'InstanceStates'].map(queueOf)).toEqual([
        'Provisioning',
        'Provisioning',
        'Provisioning',
      ])
      expect(keysOf('LaunchRequests')).toEqual([{ prefix: 'requests/launch/' }])
      expect(keysOf('ProvisionRequests').map(({ prefix }) => prefix)).toEqual(
        ['stop', 'start', 'delete', 'support', 'quarantine'].map((verb) => `requests/${verb}/`),
      )
      const sources = templates
        .ofType('AWS::Lambda::EventSourceMapping')
        .filter(({ id }) => /^(?:Launches|Provisioner)Source/.test(id))
      const atATime = sources.map(({ Properties }) => Properties.ScalingConfig.MaximumConcurrency as number)
      const provisioner = templates.ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith('Provisioner'))
      expect(atATime.reduce((sum, one) => sum + one, 0)).toBe(provisioner?.Properties.ReservedConcurrentExecutions)
      const line = { Ref: expect.stringMatching(/^LaunchesQueue/) }
      expect(provisioner?.Properties.Environment.Variables.LAUNCH_QUEUE).toEqual(line)
      const reconciler = templates.ofType('AWS::Lambda::Function').find(({ id }) => id.startsWith('Reconciler'))
      expect(reconciler?.Properties.Environment.Variables).not.toHaveProperty('LAUNCH_QUEUE')
      for (const { Properties } of queues('Launches', 'Provisioning')) expect(Properties.FifoQueue).toBeUndefined()
      const policies = templates.ofType('AWS::SQS::QueuePolicy').map(({ Properties }) => JSON.stringify(Properties))
      const ofLine = policies.filter((text) => text.includes('"LaunchesQueue'))
      expect(ofLine.map((text) => text.includes('events.amazonaws.com'))).toEqual([false])
    })
  })

  it('P35 are started by a schedule through IAM: no route leads to those that work in the background', () => {
    each((templates) => {
      const integrations = JSON.stringify(propertiesOf(templates, 'AWS::ApiGatewayV2::Integration'))
      for (const name of ['Provisioner', 'Reconciler', 'Mailer', 'Archivist'])
        expect(integrations).not.toContain(`:${name}Function`)
    })
  })

  it('AUD-03 A1 may put into the trail and, three of them, read it; none may change or delete', () => {
    each((templates) => {
      const onAudit = ROLE_POLICIES.flatMap((type) => propertiesOf(templates, type))
        .flatMap(statementsOf)
        .filter(({ Effect, Resource }) => Effect === 'Allow' && JSON.stringify(Resource).includes('Audit'))
        .filter(
          ({ Action }) =>
            ![Action]
              .flat()
              .some((action: string) => /^dynamodb:(?:CreateBackup|DescribeTable|DescribeBackup)/.test(action)),
        )
        .flatMap(({ Action }) => [Action].flat())
      expect([...new Set(onAudit)].toSorted().filter((action) => action !== 'dynamodb:GetItem')).toEqual([
        'dynamodb:PutItem',
        'dynamodb:Query',
      ])
    })
  })

  it('IAC-09 log for a while, under a key, and the access log names no query, cookie, header or address', () => {
    each((templates) => {
      for (const { Properties } of templates.ofType('AWS::Logs::LogGroup')) expect(Properties.RetentionInDays).toBe(90)
      const [stage] = propertiesOf(templates, 'AWS::ApiGatewayV2::Stage')
      expect(stage.DefaultRouteSettings).toEqual({ ThrottlingBurstLimit: 400, ThrottlingRateLimit: 200 })
      expect(stage.AccessLogSettings.Format).not.toMatch(/query|cookie|header|authoriz|sourceIp|\$context\.path/i)
    })
  })
})

describe('the edge', () => {
  const distributionOf = (templates: Templates) =>
    propertiesOf(templates, 'AWS::CloudFront::Distribution')[0].DistributionConfig

  it('L22 WEB-01 sends every answer out with the headers, errors too, and takes HTTPS alone', () => {
    each((templates) => {
      const {
        DefaultCacheBehavior: pages,
        CacheBehaviors: [api],
      } = distributionOf(templates)
      expect([pages.ViewerProtocolPolicy, api.ViewerProtocolPolicy]).toEqual(['redirect-to-https', 'https-only'])
      expect(pages.ResponseHeadersPolicyId).toBe(api.ResponseHeadersPolicyId)
      const [{ ResponseHeadersPolicyConfig: headers }] = propertiesOf(
        templates,
        'AWS::CloudFront::ResponseHeadersPolicy',
      )
      expect(headers.SecurityHeadersConfig).toMatchObject({
        StrictTransportSecurity: { AccessControlMaxAgeSec: 63_072_000, IncludeSubdomains: true, Override: true },
        ContentTypeOptions: { Override: true },
        ReferrerPolicy: { ReferrerPolicy: 'no-referrer', Override: true },
      })
      const { ContentSecurityPolicy: csp } = headers.SecurityHeadersConfig.ContentSecurityPolicy
      expect(csp).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
      expect(csp).not.toMatch(/unsafe/)
      expect(headers.CustomHeadersConfig.Items.map(({ Header }: any) => Header)).toEqual([
        'cross-origin-opener-policy',
        'cross-origin-resource-policy',
        'permissions-policy',
      ])
    })
    expect(distributionOf(assemblies.full.templates).ViewerCertificate.MinimumProtocolVersion).toBe('TLSv1.2_2021')
  })

  it('WEB-03 caches no answer of the API and keeps the site’s bucket to itself', () => {
    each((templates) => {
      const {
        CacheBehaviors: [api],
        Origins,
      } = distributionOf(templates)
      // The managed policies CachingDisabled and AllViewerExceptHostHeader (Amazon CloudFront developer guide).
      expect(api.CachePolicyId).toBe('4135ea2d-6df8-44a3-9df3-4b5a84be39ad')
      expect(api.OriginRequestPolicyId).toBe('b689b0a8-53d0-40ab-baf2-68738e2966ac')
      expect(
        Origins.find(({ S3OriginConfig }: any) => S3OriginConfig !== undefined).OriginAccessControlId,
      ).toBeDefined()
      expect(Origins.find(({ CustomOriginConfig }: any) => CustomOriginConfig !== undefined)).toMatchObject({
        CustomOriginConfig: { OriginProtocolPolicy: 'https-only', OriginSSLProtocols: ['TLSv1.2'] },
        OriginCustomHeaders: [
          {
            HeaderName: 'x-vestibule-origin-proof',
            HeaderValue: expect.stringMatching(/^\{\{resolve:secretsmanager:/),
          },
        ],
      })
    })
  })

  it('stands behind a firewall with a rate rule and managed rules that keeps no samples of requests', () => {
    each((templates) => {
      const [firewall] = propertiesOf(templates, 'AWS::WAFv2::WebACL')
      expect(firewall.Scope).toBe('CLOUDFRONT')
      expect(firewall.Rules.map(({ Name }: any) => Name)).toEqual([
        'rate',
        'AWSManagedRulesAmazonIpReputationList',
        'AWSManagedRulesKnownBadInputsRuleSet',
        'AWSManagedRulesCommonRuleSet',
      ])
      expect(JSON.stringify(firewall)).not.toContain('"SampledRequestsEnabled":true')
      expect(distributionOf(templates).WebACLId).toMatch(/edge:FirewallArn$/)
    })
  })
})

describe('cdk-nag', () => {
  it('IAC-01 finds nothing that is not accepted, and what is accepted has a place and a reason', () => {
    for (const { assembly } of Object.values(assemblies)) {
      const report = JSON.parse(readFileSync(`${assembly.directory}/validation-report.json`, 'utf8'))
      expect(report.pluginReports).toEqual([])
      const suppressions = listSuppressions(assembly.stacks)
      expect(suppressions.length).toBeLessThanOrEqual(14)
      for (const { resources, reason } of suppressions)
        expect([resources.length > 0, reason.length > 40]).toEqual([true, true])
    }
  })
})
