import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { createDynamoClient, createSecretsClient } from '../lambdas/aws/clients.aws.ts'
import { createKmsClient } from '../lambdas/aws/kms-client.aws.ts'
import { createS3Client } from '../lambdas/aws/s3-client.aws.ts'
import { TenantId } from '../lambdas/contract/ids.ts'
import { SITE_TYPES } from '../lambdas/contract/site.ts'
import { systemClock, systemPause } from '../lambdas/core/clock.ts'
import { createLogger } from '../lambdas/core/logger.ts'
import { systemRandom } from '../lambdas/core/random.ts'
import type { ReplacedTenantKey, ReplaceTenantKeyFailure } from '../lambdas/credentials/replace-tenant-key.ts'
import { createOperator, type Operator, type SiteFile } from '../lambdas/entry/operator.aws.ts'

/**
 * What the operator does by hand, with AWS credentials of their own: `npm run operator -- <command>`. What there is to work on
 * stands in the file that a deploy writes. Ends with 0 when done, 1 when refused, 2 when it was asked wrongly.
 */

const HELP = `npm run operator -- <command> [--stage prod] [--outputs cdk-outputs.json]

  first-admin [address]     make the first admin's invite; works once
  publish-site              upload the built site (npm run deploy does it)
  publish-agent             sign and upload what agents' machines install (npm run deploy does it)
  rotate-session-keys       sign sessions with a new key; the one before stays good
  rotate-origin-proof       make the next value of what the edge proves itself with
  replace-tenant-key --tenant <id>
                            give a tenant a new key; run it again if it was cut off
  restore-rows <from> <to>  put back rows that are missing, from a restored table
                            (<to> is directory, agents or audit)

AWS credentials come from where the AWS tools look: AWS_PROFILE and so on. The region is that of the deploy.
`

const SITE = fileURLToPath(new URL('../dist/web', import.meta.url))
const AGENT = fileURLToPath(new URL('../dist/agent', import.meta.url))

/** What a deploy wrote down: outputs by stack. */
const Outputs = z.record(z.string(), z.record(z.string(), z.string()))

class Misuse extends Error {}

const readOutputs = (path: string, stage: string | undefined): Record<string, string> => {
  if (!existsSync(path)) {
    throw new Misuse(`There is no ${path}. Run npm run deploy, which writes it, or name another with --outputs.`)
  }
  const all = Outputs.parse(JSON.parse(readFileSync(path, 'utf8')))
  const stages = [...new Set(Object.keys(all).flatMap((name) => /^vestibule-([a-z0-9-]+)-data$/.exec(name)?.[1] ?? []))]
  const chosen = stage ?? (stages.length === 1 ? stages[0] : undefined)
  if (chosen === undefined || !stages.includes(chosen)) {
    throw new Misuse(`Say which stage: --stage ${stages.join(' or --stage ') || '<stage>'} (from ${path}).`)
  }
  return { ...all[`vestibule-${chosen}-data`], ...all[`vestibule-${chosen}-web`], Stage: chosen }
}

const readSite = (): SiteFile[] => {
  if (!existsSync(SITE)) throw new Misuse('The site is not built yet. Run npm run build.')
  return readdirSync(SITE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const type = SITE_TYPES[extname(entry.name)] ?? 'application/octet-stream'
      return { name: relative(SITE, path), type, body: readFileSync(path) }
    })
}

interface Asked {
  operator: Operator
  outputs: Record<string, string>
  words: readonly string[]
  tenant: string | undefined
}

type Command = (asked: Asked) => Promise<{ says: string; done: boolean }>

const done = (says: string) => ({ says, done: true })
const refused = (says: string) => ({ says, done: false })

const NOT_REPLACED: Record<ReplaceTenantKeyFailure['reason'], string> = {
  no_tenant: 'There is no such tenant.',
  no_key: 'The tenant has no key yet: it gets one with its first agent.',
  replaced_meanwhile: 'Somebody else replaced the key at this moment. Run it again to see to what is left of that.',
}

const sayReplaced = ({ did, keyArn, formerKeyArn, movedSecrets }: ReplacedTenantKey): string => {
  const first = {
    replaced: 'The tenant has a new key',
    finished: 'The new key was made before; what was left to do is done. It is',
    nothing: 'Nothing is left to do, and a key that was replaced less than a day ago is not replaced again. The key is',
  }[did]
  return (
    `${first}: ${keyArn}\n` +
    `Secrets that were moved to it now: ${movedSecrets}. New secrets, new versions and new disks are under it.\n\n` +
    `The key before must stay: ${formerKeyArn}\n` +
    'Machines keep it for their disks until they are launched anew (retry, or delete and onboard). When no disk is left\n' +
    'under it, end it by hand: docs/deploy.md, "Replacing a tenant’s key".'
  )
}

const COMMANDS: Record<string, Command> = {
  'first-admin': async ({ operator, outputs, words: [address] }) => {
    const email = address ?? outputs.FirstAdminEmail
    if (email === undefined) throw new Misuse('Say whom: npm run operator -- first-admin you@example.com')
    const made = await operator.inviteFirstAdmin(email)
    return made.ok
      ? done(
          `Open this link within a week to become the first admin (${email}). It is not shown again:\n\n  ${made.value.link}\n`,
        )
      : refused(
          'The first admin’s invite was made before; this try is in the trail. An admin can invite others in the site.',
        )
  },
  'publish-site': async ({ operator, outputs }) => {
    const files = readSite()
    await operator.publishSite(files)
    return done(`${files.length} files are at ${outputs.SiteOrigin}.`)
  },
  'publish-agent': async ({ operator, outputs }) => {
    if (!existsSync(join(AGENT, 'release.txt'))) throw new Misuse('There is no release yet. Run npm run build:agent.')
    const published = await operator.publishAgent({
      list: readFileSync(join(AGENT, 'release.txt')),
      bundle: readFileSync(join(AGENT, 'bundle.tar.gz')),
    })
    writeFileSync(join(AGENT, 'published.json'), JSON.stringify({ stage: outputs.Stage, ...published }))
    return done(`Release ${published.release} is signed and uploaded. The next deploy makes new machines install it.`)
  },
  'rotate-session-keys': async ({ operator }) => {
    const rotated = await operator.rotateSessionKeys()
    return rotated.ok
      ? done(
          `Key ${rotated.value.kid} signs within five minutes. Sessions under the key before it stay good; to end them, rotate once more.`,
        )
      : refused('Somebody else rotated the keys at this moment. Run it again if you want still another key.')
  },
  'rotate-origin-proof': async ({ operator, outputs }) => {
    const slot = await operator.renewOriginProof(outputs.OriginProofSlot === 'b' ? 'b' : 'a')
    return done(
      `Slot ${slot} has a new value; the functions take it within a minute. Then let the edge send it:\n\n` +
        `  npm run deploy -- -c stage=${outputs.Stage} -c originProofSlot=${slot}\n\nKeep that setting: put it into cdk.json.`,
    )
  },
  'replace-tenant-key': async ({ operator, tenant }) => {
    const tenantId = TenantId.safeParse(tenant).data
    if (tenantId === undefined) {
      throw new Misuse('Say whose: npm run operator -- replace-tenant-key --tenant ten_…')
    }
    const replaced = await operator.replaceTenantKey(tenantId)
    return replaced.ok ? done(sayReplaced(replaced.value)) : refused(NOT_REPLACED[replaced.failure.reason])
  },
  'restore-rows': async ({ operator, outputs, words: [from, to] }) => {
    const target = { directory: outputs.DirectoryTable, agents: outputs.AgentsTable, audit: outputs.AuditTable }[
      to ?? ''
    ]
    if (from === undefined || target === undefined) {
      throw new Misuse(
        'Say from where and to what: npm run operator -- restore-rows <restored table> directory|agents|audit',
      )
    }
    const { restored, kept } = await operator.restoreRows(from, target)
    return done(`${restored} rows were missing and are back; ${kept} were there and stayed as they are.`)
  },
}

const run = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stage: { type: 'string' },
      outputs: { type: 'string', default: 'cdk-outputs.json' },
      tenant: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  const [name = '', ...words] = positionals
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (values.help === true || command === undefined) {
    process.stdout.write(HELP)
    return values.help === true ? 0 : 2
  }
  const outputs = readOutputs(values.outputs, values.stage)
  const known = (output: string): string => {
    const value = outputs[output]
    if (value === undefined)
      throw new Misuse(`${values.outputs} has no ${output}. Deploy this version once, then try again.`)
    return value
  }
  const place = { region: known('Region') }
  const operator = createOperator(
    {
      dynamo: createDynamoClient(place),
      secrets: createSecretsClient(place),
      s3: createS3Client(place),
      kms: createKmsClient(place),
    },
    {
      // Asked for only by what needs them: before the first whole deploy there is no site yet.
      get siteOrigin() {
        return known('SiteOrigin')
      },
      get siteBucket() {
        return known('SiteBucket')
      },
      stage: known('Stage'),
      directoryTable: known('DirectoryTable'),
      agentsTable: known('AgentsTable'),
      auditTable: known('AuditTable'),
      sessionKeysSecret: known('SessionKeysSecret'),
      originProofSecret: known('OriginProofSecret'),
      assetsBucket: known('AssetsBucket'),
      releaseKey: known('ReleaseKey'),
    },
    { clock: systemClock, random: systemRandom, pause: systemPause, logger: createLogger() },
  )
  const { says, done: isDone } = await command({ operator, outputs, words, tenant: values.tenant })
  process.stdout.write(`${says}\n`)
  return isDone ? 0 : 1
}

try {
  process.exitCode = await run()
} catch (error) {
  const isMisuse = error instanceof Misuse || (error instanceof TypeError && 'code' in error)
  const cause =
    error instanceof Error && error.cause instanceof Error ? `: ${error.cause.name}: ${error.cause.message}` : ''
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}${cause}\n`)
  process.exitCode = isMisuse ? 2 : 1
}
