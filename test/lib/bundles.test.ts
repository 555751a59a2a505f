import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Bundles, bundleFunctions, sizeTable } from '../../lib/bundles.ts'

let bundles: Bundles
beforeAll(async () => {
  bundles = await bundleFunctions(mkdtempSync(join(tmpdir(), 'vestibule-bundles-')))
}, 60_000)

describe('the functions’ code', () => {
  it('is small enough to start quickly', () => {
    process.stdout.write(`\n${sizeTable(bundles)}\n`)
    for (const name of ['identity', 'agents', 'support'] as const) {
      expect([name, bundles[name].eager.minified <= 375_000, bundles[name].eager.gzipped <= 115_000]).toEqual([
        name,
        true,
        true,
      ])
    }
    for (const name of ['provisioner', 'reconciler', 'mailer', 'archivist'] as const) {
      expect([name, bundles[name].eager.minified <= 1_050_000, bundles[name].eager.gzipped <= 285_000]).toEqual([
        name,
        true,
        true,
      ])
    }
  })

  it('carries no client that the function does not use', () => {
    const clientsOf = (name: keyof Bundles) =>
      [...bundles[name].packages]
        .filter((one) => one.startsWith('@aws-sdk/client-'))
        .map((one) => one.replace('@aws-sdk/client-', ''))
        .toSorted()
    expect(clientsOf('identity')).toEqual(['dynamodb', 'kms', 'secrets-manager'])
    expect(clientsOf('agents')).toEqual(['dynamodb', 'kms', 's3', 'secrets-manager'])
    expect(clientsOf('support')).toEqual(['dynamodb', 'kms', 'secrets-manager'])
    expect(clientsOf('provisioner')).toEqual(['dynamodb', 'ec2', 's3', 'secrets-manager', 'sqs'])
    expect(clientsOf('reconciler')).toEqual(['dynamodb', 'ec2', 'kms', 's3', 'secrets-manager'])
    expect(clientsOf('mailer')).toEqual(['dynamodb', 'kms', 'sesv2'])
    expect(clientsOf('archivist')).toEqual(['dynamodb', 's3'])
  })

  it('carries hashing only where people sign in, and token checks only where machines enrol', () => {
    const has = (name: keyof Bundles, one: string) => bundles[name].packages.has(one)
    expect([has('agents', 'jose'), has('identity', 'jose'), has('support', 'jose')]).toEqual([true, false, false])
    for (const name of ['provisioner', 'reconciler', 'mailer', 'archivist'] as const)
      expect(has(name, 'hono')).toBe(false)
  })
})
