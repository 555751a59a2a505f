import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { agentSecretName } from '../../lambdas/contract/names.ts'
import { Secret } from '../../lambdas/core/secret.ts'
import { createCredentialVault, type MergeGuards } from '../../lambdas/credentials/credential-vault.aws.ts'
import type { EmbeddedAws } from '../../local/aws/embedded-aws.ts'
import type { Browser } from '../support/browser.ts'
import { createHarness, CREDENTIALS, type Harness } from '../support/harness.ts'
import { createSeededRandom } from '../support/random.ts'
import { takeOverSleeps } from './sleeps.ts'

export interface Merged {
  tried: number
  acknowledged: number
  lost: number
  serverErrors: number
  versions: number
}

const storedIn = async (aws: EmbeddedAws, SecretId: string): Promise<Record<string, string>> => {
  const { secrets } = aws.createClients()
  const { SecretString = '{}' } = await secrets.send(
    new GetSecretValueCommand({ SecretId, VersionStage: 'AWSCURRENT' }),
  )
  return JSON.parse(SecretString).credentials
}

const versionsOf = (aws: EmbeddedAws, secretId: string): number =>
  Number(aws.database.get('SELECT count(*) AS n FROM sm_version WHERE secret = ?', secretId)?.n)

const withAgent = async (house: Harness): Promise<{ owner: Browser; agentId: string; secretId: string }> => {
  const owner = await house.join(await house.joinAsAdmin(), 'ana@example.com')
  const { claudeCodeToken } = CREDENTIALS
  const { agent } = (await owner.post('/api/agents', { name: 'A', credentials: { claudeCodeToken } })).body
  const { tenant } = (await owner.get('/api/session')).body
  return { owner, agentId: agent.id, secretId: agentSecretName('local', tenant.id, agent.id) }
}

/** Merges of as many distinct keys into one secret at once, by as many vaults as there would be containers. */
export const mergeDistinctKeys = async (tries: number, { containers = 8, seed = 'merges' } = {}): Promise<Merged> => {
  takeOverSleeps()
  const house = await createHarness({ seed })
  const { secretId } = await withAgent(house)
  const vaults = Array.from({ length: containers }, (_, index) =>
    createCredentialVault({
      secrets: house.aws.createClients().secrets,
      random: createSeededRandom(`${seed} ${index}`),
    }),
  )
  const results = await Promise.allSettled(
    Array.from({ length: tries }, async (_, index) => {
      const guards: MergeGuards = { mergeId: `merge ${index}`, judgeNames: () => null, mayWrite: Promise.resolve(true) }
      const vault = vaults[index % containers] ?? house.deps.vault
      const merged = await vault.merge(secretId, new Map([[`key ${index}`, new Secret(`value ${index}`)]]), guards)
      return merged.ok
    }),
  )
  const stored = await storedIn(house.aws, secretId)
  const isAcknowledged = (result: PromiseSettledResult<boolean>): boolean =>
    result.status === 'fulfilled' && result.value
  const lost = results.filter((result, index) => isAcknowledged(result) && stored[`key ${index}`] !== `value ${index}`)
  const versions = versionsOf(house.aws, secretId)
  house.aws.close()
  return {
    tried: tries,
    acknowledged: results.filter(isAcknowledged).length,
    lost: lost.length,
    serverErrors: results.filter(({ status }) => status === 'rejected').length,
    versions,
  }
}

const PATCHES: readonly Record<string, string>[] = [
  { claudeCodeToken: `sk-ant-oat01-${'c'.repeat(40)}` },
  { anthropicApiKey: `sk-ant-api03-${'a'.repeat(40)}` },
  { githubToken: `ghp_${'g'.repeat(36)}` },
  { slackBotToken: `xoxb-${'b'.repeat(40)}` },
  { slackAppToken: `xapp-1-${'p'.repeat(40)}` },
]

/** The same by the API, one copy of the app for each kind of credential, and all of them at once. */
export const mergeByTheApi = async (seed = 'merges by the API'): Promise<Merged> => {
  takeOverSleeps()
  const house = await createHarness({ seed })
  const { owner, agentId, secretId } = await withAgent(house)
  const replies = await Promise.all(
    PATCHES.map(async (patch, index) => {
      const copy = await createHarness({ aws: house.aws, clock: house.clock, seed: `${seed} ${index}` })
      const browser = copy.browse()
      for (const [name, value] of owner.cookies) browser.cookies.set(name, value)
      return () => browser.patch(`/api/agents/${agentId}/credentials`, patch)
    }),
  ).then((calls) => Promise.all(calls.map((call) => call())))
  const stored = await storedIn(house.aws, secretId)
  const lost = replies.filter(({ status }, index) => {
    const isKept = Object.entries(PATCHES[index] ?? {}).every(([kind, value]) => stored[kind] === value)
    return status === 200 && !isKept
  })
  const versions = versionsOf(house.aws, secretId)
  house.aws.close()
  return {
    tried: PATCHES.length,
    acknowledged: replies.filter(({ status }) => status === 200).length,
    lost: lost.length,
    serverErrors: replies.filter(({ status }) => status >= 500).length,
    versions,
  }
}
