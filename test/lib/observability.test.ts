import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { type EventPattern, matchesPattern } from '../../local/aws/event-pattern.ts'
import { FULL, synthesise } from '../support/assembly.ts'
import { readTemplates, type Templates } from '../support/templates.ts'

let templates: Templates
beforeAll(async () => {
  templates = readTemplates((await synthesise(FULL)).directory)
  for (const role of templates.ofType('AWS::IAM::Role'))
    templates.bind(role, { Ref: role.id, Arn: `arn:aws:iam::000000000000:role/${role.id}` })
}, 60_000)

const alarms = () =>
  templates
    .ofType('AWS::CloudWatch::Alarm')
    .map(({ stack, id, Properties }) => ({ id, ...templates.resolve(stack, Properties) }))
const headings = () =>
  [...readFileSync('docs/runbook.md', 'utf8').matchAll(/^## (.+)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replaceAll(' ', '-'),
  )

describe('alarms', () => {
  it('O7 each tell somebody, and link to a heading of the runbook; no heading stands there for nothing', () => {
    const linked = alarms().map(({ id, AlarmDescription, AlarmActions }) => {
      expect([id, AlarmActions?.length]).toEqual([id, 1])
      return /docs\/runbook\.md#([\w-]+)$/.exec(AlarmDescription)?.[1]
    })
    expect([...new Set(linked)].toSorted()).toEqual(headings().toSorted())
  })

  it('watch every dead-letter queue', () => {
    const watched = alarms().filter(({ AlarmDescription }) => AlarmDescription.includes('#dead-letters'))
    const deadLetters = templates.ofType('AWS::SQS::Queue').filter(({ id }) => /DeadLetters/.test(id))
    expect([watched.length, deadLetters.length]).toEqual([7, 7])
  })

  it('count log lines that the code writes', () => {
    const code = [
      'provisioning/reconcile.ts',
      'provisioning/quarantine-agent.ts',
      'provisioning/sweep-strays.ts',
      'invites/send-due-mail.ts',
      'audit/archive-trail.ts',
    ]
      .map((name) => readFileSync(`lambdas/${name}`, 'utf8'))
      .join('\n')
    const patterns = templates
      .ofType('AWS::Logs::MetricFilter')
      .map(({ Properties }) => String(Properties.FilterPattern))
    const messages = patterns.flatMap((pattern) =>
      [...pattern.matchAll(/\$\.msg = "([^"]+)"/g)].map(([, message = '']) => message),
    )
    expect(messages).toHaveLength(8)
    for (const message of messages) expect(code).toContain(`'${message}'`)
  })

  it('may be told to the topic by CloudWatch and EventBridge, and tell it in words that name the runbook', () => {
    const statements = templates
      .ofType('AWS::SNS::TopicPolicy')
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
    const publishers = statements
      .filter(({ Effect }: any) => Effect === 'Allow')
      .map(({ Principal }: any) => Principal.Service)
    expect(publishers).toEqual(expect.arrayContaining(['cloudwatch.amazonaws.com', 'events.amazonaws.com']))
    const rules = templates.ofType('AWS::Events::Rule').filter(({ stack }) => stack === 'VestibuleObservability')
    for (const { id, Properties } of rules)
      expect([id, JSON.stringify(Properties.Targets)]).toEqual([id, expect.stringContaining('docs/runbook.md')])
  })

  it('are on one page', () => {
    const [dashboard] = templates.ofType('AWS::CloudWatch::Dashboard')
    expect(JSON.stringify(dashboard?.Properties.DashboardBody)).toContain('Dead letters')
  })
})

describe('what CloudTrail tells', () => {
  const patternOf = (prefix: string): EventPattern => {
    const rule = templates.ofType('AWS::Events::Rule').find(({ id }) => id.startsWith(prefix))
    expect(rule?.Properties.State).toBe('ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS')
    return templates.resolve(rule?.stack ?? '', rule?.Properties.EventPattern)
  }
  const roleNamed = (prefix: string) =>
    `arn:aws:iam::000000000000:role/${templates.ofType('AWS::IAM::Role').find(({ id }) => id.startsWith(prefix))?.id}`
  const call = (source: string, eventName: string, by: string, requestParameters: object) => ({
    source,
    'detail-type': 'AWS API Call via CloudTrail',
    detail: { eventName, requestParameters, userIdentity: { sessionContext: { sessionIssuer: { arn: by } } } },
  })
  const secretId =
    'arn:aws:secretsmanager:eu-central-1:000000000000:secret:vestibule/full/tenant/ten_a/agent/agt_b-AbCdEf'

  it('A10 trips on whoever reads credentials and is none of those that may', () => {
    const pattern = patternOf('SecretReads')
    const reads = (by: string, id = secretId) =>
      matchesPattern(pattern, call('aws.secretsmanager', 'GetSecretValue', by, { secretId: id }))

    expect(reads('arn:aws:iam::000000000000:role/somebody')).toBe(true)
    expect(reads('arn:aws:iam::000000000000:role/somebody', 'vestibule/full/tenant/ten_a/agent/agt_b')).toBe(true)
    expect(reads(roleNamed('IdentityRole'))).toBe(true)
    const byUser = {
      ...call('aws.secretsmanager', 'GetSecretValue', '', { secretId }),
      detail: { eventName: 'GetSecretValue', requestParameters: { secretId }, userIdentity: { type: 'IAMUser' } },
    }
    expect(matchesPattern(pattern, byUser)).toBe(true)
    expect(
      [roleNamed('AgentsRole'), roleNamed('ReconcilerRole'), roleNamed('InstanceRole')].map((by) => reads(by)),
    ).toEqual([false, false, false])
    expect(reads('arn:aws:iam::000000000000:role/somebody', 'another/secret')).toBe(false)
  })

  it('trips whenever a key is ended, by whomever', () => {
    const pattern = patternOf('KeysEnding')
    expect(
      matchesPattern(pattern, call('aws.kms', 'ScheduleKeyDeletion', 'arn:aws:iam::000000000000:role/x', {})),
    ).toBe(true)
    expect(matchesPattern(pattern, call('aws.kms', 'DisableKey', roleNamed('AgentsRole'), {}))).toBe(true)
    expect(matchesPattern(pattern, call('aws.kms', 'CreateKey', 'arn:aws:iam::000000000000:role/x', {}))).toBe(false)
  })

  it('R10 trips on each use of the break-glass role, which ends by itself', () => {
    const role = templates.ofType('AWS::IAM::Role').find(({ id }) => id.startsWith('BreakGlass'))
    const arn = roleNamed('BreakGlass')
    expect(
      matchesPattern(patternOf('BreakGlassUses'), call('aws.sts', 'AssumeRole', 'anybody', { roleArn: arn })),
    ).toBe(true)
    expect(role?.Properties).toMatchObject({ MaxSessionDuration: 3600 })
    expect(role?.Properties.AssumeRolePolicyDocument.Statement[0].Condition).toEqual({
      Bool: { 'aws:MultiFactorAuthPresent': 'true' },
      DateLessThan: { 'aws:CurrentTime': '2027-01-31T12:00:00Z' },
      StringEquals: { 'aws:RequestedRegion': 'eu-central-1' },
    })
  })
})
