import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DEPLOY_CONFIG_KEYS, parseDeployConfig } from '../../lib/config.ts'
import { FULL } from '../support/assembly.ts'

describe('the deploy configuration', () => {
  it('is complete without a word, and takes every choice', () => {
    expect(parseDeployConfig({})).toMatchObject({
      stage: 'prod',
      agentsPerTenant: 10,
      egressProfile: 'open',
      logRetentionDays: 90,
      auditLockDays: 365,
    })
    expect(parseDeployConfig(FULL)).toMatchObject({
      stage: 'full',
      egressProfile: 'private',
      domainName: 'vestibule.example.com',
    })
    expect(
      parseDeployConfig({
        agentsPerTenant: '7',
        logRetentionDays: '30',
        allowedDomains: 'a.example.com, *.b.example.com',
      }),
    ).toMatchObject({
      agentsPerTenant: 7,
      logRetentionDays: 30,
      allowedDomains: ['a.example.com', '*.b.example.com'],
    })
  })

  it('reports every mistake at once, with what was got and what is allowed', () => {
    const wrong = {
      stage: 'Not A Stage',
      domainName: 'vestibule.example.com',
      mailIdentity: 'example.com',
      agentsPerTenant: 'many',
      egressProfile: 'closed',
      alarmEmail: 'nobody',
      logRetentionDays: '7',
      auditLockDays: '0',
      identityIssuer: 'https://evil.example.com',
      breakGlassUntil: 'soon',
      supportCaGeneration: '0',
      retiringSupportCa: 'alias/ours',
    }

    const said = (() => {
      try {
        parseDeployConfig(wrong)
        return ''
      } catch (error) {
        return error instanceof Error ? error.message : ''
      }
    })()

    for (const part of [
      'stage is "Not A Stage"; give a lower-case word',
      'agentsPerTenant is "many"; give a whole number from 1 to 1000',
      'egressProfile is "closed"; give open, allow-list or private',
      'alarmEmail is "nobody"; give an e-mail address',
      'logRetentionDays is "7"; give 30, 90, 180 or 365',
      'auditLockDays is "0"; give a whole number from 1 to 36500',
      'identityIssuer is "https://evil.example.com"; give the account’s token issuer',
      'breakGlassUntil is "soon"; give a UTC time',
      'supportCaGeneration is "0"; give a whole number from 1 to 1000',
      'retiringSupportCa is "alias/ours"; give the ARN of the KMS key that signed before',
    ])
      expect(said).toContain(part)
  })

  it('reports what only makes sense together', () => {
    expect(() => parseDeployConfig({ domainName: 'vestibule.example.com' })).toThrow(
      /domainName and certificateArn together/,
    )
    expect(() => parseDeployConfig({ mailIdentity: 'example.com' })).toThrow(
      /mailIdentity is "example.com"; give nothing without mailSender/,
    )
    expect(() => parseDeployConfig({ breakGlassPrincipal: 'arn:aws:iam::123456789012:role/ops' })).toThrow(
      /together, or neither/,
    )
    expect(() => parseDeployConfig({ regoin: 'eu-central-1' })).toThrow(/regoin/)
  })

  it('is explained key by key in docs/deploy.md, and no other key is', () => {
    const documented = [...readFileSync('docs/deploy.md', 'utf8').matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key)
    expect(documented.toSorted()).toEqual([...DEPLOY_CONFIG_KEYS].toSorted())
  })
})
