import { beforeAll, describe, expect, it } from 'vitest'
import { FULL, synthesise } from '../support/assembly.ts'
import { decide, type Statement } from '../support/iam-policy.ts'
import { readTemplates, statementsOf } from '../support/templates.ts'

/** What an agent's machine may do, by simulation of the role that all of them share. */
let statements: Statement[]
beforeAll(async () => {
  const templates = readTemplates((await synthesise(FULL)).directory)
  const role = templates.ofType('AWS::IAM::Role').find(({ id }) => id.startsWith('InstanceRole'))
  statements = role === undefined ? [] : statementsOf(templates, role)
}, 180_000)

const TENANT = `ten_${'0'.repeat(26)}`
const AGENT = `agt_${'1'.repeat(26)}`
const OTHER = `agt_${'2'.repeat(26)}`
const MACHINE = 'arn:aws:ec2:eu-central-1:000000000000:instance/i-0aaaaaaaaaaaaaaaa'
const ELSE = 'arn:aws:ec2:eu-central-1:000000000000:instance/i-0bbbbbbbbbbbbbbbb'
const secret = (agent: string, { stage = 'full', region = 'eu-central-1', suffix = 'AbC123', tenant = TENANT } = {}) =>
  `arn:aws:secretsmanager:${region}:000000000000:secret:vestibule/${stage}/tenant/${tenant}/agent/${agent}-${suffix}`

const may = (action: string, resource: string, context: Record<string, string> = {}): boolean =>
  decide(statements, {
    action,
    resource,
    context: { 'ec2:SourceInstanceARN': MACHINE, 'ec2:RoleDelivery': '2.0', ...context },
  }).allowed
const read = (resource: string, boundTo: string | undefined, context: Record<string, string> = {}) =>
  may('secretsmanager:GetSecretValue', resource, {
    ...(boundTo === undefined ? {} : { 'aws:ResourceTag/instance-arn': boundTo }),
    ...context,
  })

describe('a machine', () => {
  it('AUZ-08 reads the secret that is bound to it and no other, of the same tenant or another', () => {
    expect(read(secret(AGENT), MACHINE)).toBe(true)
    expect(read(secret(OTHER), ELSE)).toBe(false)
    expect(read(secret(OTHER, { tenant: `ten_${'9'.repeat(26)}` }), ELSE)).toBe(false)
    expect(read(secret(AGENT), undefined)).toBe(false)
    expect(read(secret(AGENT), '*')).toBe(false)
    expect(read(secret(AGENT), '${ec2:SourceInstanceARN}')).toBe(false)
  })

  it('AUZ-08 reads nothing with credentials that name no machine, or came by the older metadata protocol', () => {
    const nameless = decide(statements, {
      action: 'secretsmanager:GetSecretValue',
      resource: secret(AGENT),
      context: { 'aws:ResourceTag/instance-arn': MACHINE, 'ec2:RoleDelivery': '2.0' },
    })
    expect(nameless.allowed).toBe(false)
    expect(read(secret(AGENT), MACHINE, { 'ec2:RoleDelivery': '1.0' })).toBe(false)
  })

  it('AUZ-09 is not fooled by names that begin or end alike, another stage, region, or a pattern', () => {
    for (const resource of [
      secret(AGENT.slice(0, -1)),
      secret(`${AGENT}0`),
      secret(AGENT, { suffix: 'AbC123-AbC123' }),
      secret(AGENT, { stage: 'prod' }),
      secret(AGENT, { region: 'us-east-1' }),
      secret(AGENT, { tenant: '*' }),
      secret(`${AGENT}-AbC123`),
      secret(AGENT).slice(0, -7),
    ])
      expect([resource, read(resource, MACHINE)]).toEqual([resource, false])
  })

  it('AUZ-08 has no hand on any secret: it cannot bind, write or open one', () => {
    for (const action of [
      'TagResource',
      'UntagResource',
      'PutResourcePolicy',
      'PutSecretValue',
      'UpdateSecret',
      'DeleteSecret',
      'ListSecrets',
      'BatchGetSecretValue',
    ])
      expect([
        action,
        may(`secretsmanager:${action}`, secret(AGENT), { 'aws:ResourceTag/instance-arn': MACHINE }),
      ]).toEqual([action, false])
  })

  it('C2 opens values only through Secrets Manager, and only of agents’ secrets of its stage', () => {
    const key = 'arn:aws:kms:eu-central-1:000000000000:key/k'
    const via = {
      'kms:ViaService': 'secretsmanager.eu-central-1.amazonaws.com',
      'kms:EncryptionContext:SecretARN': secret(AGENT),
    }
    expect(may('kms:Decrypt', key, via)).toBe(true)
    expect(
      may('kms:Decrypt', key, { ...via, 'kms:EncryptionContext:SecretARN': secret(AGENT, { stage: 'prod' }) }),
    ).toBe(false)
    expect(may('kms:Decrypt', key, { 'kms:EncryptionContext:SecretARN': secret(AGENT) })).toBe(false)
    expect(may('kms:Encrypt', key, via)).toBe(false)
  })

  it('proves itself to us alone, and does nothing else on AWS', () => {
    const audience = (text: string) => may('sts:GetWebIdentityToken', '*', { 'sts:IdentityTokenAudience': text })
    expect(audience('vestibule https://vestibule.example.com')).toBe(true)
    expect(audience('vestibule https://evil.example.com')).toBe(false)
    for (const action of [
      's3:GetObject',
      'dynamodb:GetItem',
      'ec2:DescribeInstances',
      'iam:PassRole',
      'sts:AssumeRole',
      'ssm:GetParameter',
    ])
      expect([action, may(action, '*')]).toEqual([action, false])
  })
})
