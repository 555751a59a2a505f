import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { afterAll, describe, expect, it } from 'vitest'
import type { Bundle } from '../../lib/bundles.ts'
import { parseDeployConfig } from '../../lib/config.ts'
import { createStacks } from '../../lib/vestibule.ts'
import { WORKING } from '../support/assembly.ts'

/** What may be done to anything at all, because IAM knows no resource for it or none yet. */
const WITHOUT_RESOURCE = [
  'ec2:DescribeInstances',
  'kms:CreateKey',
  'kms:ListAliases',
  'kms:ListKeys',
  'kms:TagResource',
  'secretsmanager:ListSecrets',
  'sts:GetWebIdentityToken',
]

const folder = mkdtempSync(join(tmpdir(), 'vestibule-rights-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Every right of every role beside our functions, read without their code and without cdk-nag, which would only stop. */
const readRights = (): { Effect: string; Action: string | string[]; Resource: unknown }[] => {
  const code = join(folder, 'code')
  mkdirSync(code)
  writeFileSync(join(code, 'index.mjs'), '')
  const nothing = { minified: 0, gzipped: 0 }
  const empty: Bundle = {
    ...{ directory: code, handler: 'index.handler' },
    ...{ eager: nothing, lazy: nothing, packages: new Set<string>() },
  }
  const bundles = {
    ...{ identity: empty, agents: empty, support: empty },
    ...{ provisioner: empty, reconciler: empty, mailer: empty, archivist: empty },
  }
  const app = new App({ outdir: join(folder, 'out'), analyticsReporting: false })
  const { controlPlane } = createStacks(app, parseDeployConfig(WORKING), '0.0.0-test', bundles)
  const policies = Object.values(Template.fromStack(controlPlane).findResources('AWS::IAM::Policy'))
  return policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
}

describe('rights', () => {
  it('IAC-02 name what they are for: no action and no resource is a wildcard, but for the listed few', () => {
    const allowed = readRights().filter(({ Effect }) => Effect === 'Allow')
    const actionsOf = ({ Action }: { Action: string | string[] }) => [Action].flat()

    expect(allowed.length).toBeGreaterThan(50)
    expect(allowed.flatMap(actionsOf).filter((action) => action.includes('*'))).toEqual([])
    const wild = allowed.filter(({ Resource }) => [Resource].flat().includes('*')).flatMap(actionsOf)
    expect([...new Set(wild)].toSorted()).toEqual(WITHOUT_RESOURCE)
  })
})
