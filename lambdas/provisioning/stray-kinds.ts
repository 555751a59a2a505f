import type { TenantStore } from '../accounts/tenant-store.aws.ts'
import type { Agent } from '../agents/agent.ts'
import type { AgentStore } from '../agents/agent-store.aws.ts'
import type { AgentId, TenantId } from '../contract/ids.ts'
import type { StrayKind } from '../contract/names.ts'
import type { CredentialVault } from '../credentials/credential-vault.aws.ts'
import type { SecretList } from '../credentials/secret-list.aws.ts'
import type { UnnamedKeys } from '../credentials/unnamed-keys.aws.ts'
import type { Instances } from './instances.aws.ts'

export interface StrayKindDeps {
  agents: Pick<AgentStore, 'read' | 'readMany'>
  tenants: Pick<TenantStore, 'read'>
  instances: Pick<Instances, 'listTagged' | 'terminate'>
  vault: Pick<CredentialVault, 'remove'>
  unnamedKeys: UnnamedKeys
  secretList: SecretList
}

/** One thing of ours, and whose it should be. */
export interface Thing {
  id: string
  tenantId: TenantId
  agentId?: AgentId
  madeAt: Date
}

/** What is to be known of a kind of thing to sweep it. */
export interface StrayKindRules {
  /** All things that nobody owns, a few at a time; a page may be empty. */
  listUnowned: () => AsyncGenerator<Thing[]>
  /** The same question about one thing, asked anew. */
  isOwned: (thing: Omit<Thing, 'madeAt'>) => Promise<boolean>
  /** Ends it. Doing so again does no harm. */
  end: (id: string) => Promise<void>
}

type AgentsThing = Thing & { agentId: AgentId }

/** A secret is its agent's until that is deleted, whatever becomes of it meanwhile. */
const ownsSecret = (agent: Agent | null): boolean => agent !== null && agent.status !== 'deleted'

/** Until one of these is over it is for `convergeAgent` to say which machines the agent has. */
const isUnderWay = ({ status, attempt, cleared }: Agent): boolean =>
  ['requested', 'launching', 'deleting'].includes(status) || (status === 'failed' && attempt > 0 && cleared !== true)

const ownsInstance = (agent: Agent | null, id: string): boolean =>
  agent !== null && agent.status !== 'deleted' && (agent.instance?.id === id || isUnderWay(agent))

/** The rules for what belongs to agents: the owner is asked of the agent's row. */
const agentsThings = (
  { agents }: Pick<StrayKindDeps, 'agents'>,
  pages: () => AsyncIterable<AgentsThing[]>,
  owns: (agent: Agent | null, id: string) => boolean,
): Pick<StrayKindRules, 'listUnowned' | 'isOwned'> => ({
  listUnowned: async function* () {
    for await (const things of pages()) {
      const owners = await agents.readMany(things)
      yield things.filter(({ id, tenantId, agentId }) => {
        const agent = owners.get(agentId) ?? null
        return agent?.tenantId !== tenantId || !owns(agent, id)
      })
    }
  },
  isOwned: async ({ id, tenantId, agentId }) => agentId !== undefined && owns(await agents.read(tenantId, agentId), id),
})

const keyRules = ({ unnamedKeys, tenants, secretList }: StrayKindDeps): StrayKindRules => {
  /** The row also names the keys that were replaced: disks and older versions lie under them until a person ends them. */
  const isInRow = async (tenantId: TenantId, id: string): Promise<boolean> => {
    const { keyArn, formerKeyArns = [] } = (await tenants.read(tenantId)) ?? {}
    return [keyArn, ...formerKeyArns].some((arn) => arn?.endsWith(`/${id}`))
  }

  /** An alias can be taken away by hand. What a tenant's row names or its secrets lie under is in use all the same. */
  const isOwned: StrayKindRules['isOwned'] = async ({ id, tenantId }) =>
    (await isInRow(tenantId, id)) || (await unnamedKeys.isNamed(id)) || secretList.usesKey(tenantId, id)
  return {
    listUnowned: async function* () {
      for await (const keys of unnamedKeys.list()) {
        const things = keys.map(({ keyId, tenantId, madeAt }) => ({ id: keyId, tenantId, madeAt }))
        const owned = await Promise.all(things.map(isOwned))
        yield things.filter((_, place) => owned[place] !== true)
      }
    },
    isOwned,
    end: unnamedKeys.end,
  }
}

export const strayKindRules = (deps: StrayKindDeps): Record<StrayKind, StrayKindRules> => {
  const listSecrets = async function* (): AsyncGenerator<AgentsThing[]> {
    for await (const page of deps.secretList.list()) yield page.map(({ secretId: id, ...rest }) => ({ id, ...rest }))
  }
  return {
    key: keyRules(deps),
    secret: { ...agentsThings(deps, listSecrets, ownsSecret), end: deps.vault.remove },
    instance: { ...agentsThings(deps, deps.instances.listTagged, ownsInstance), end: deps.instances.terminate },
  }
}
