import { ListSecretsCommand, type SecretListEntry, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { callAws } from '../aws/errors.aws.ts'
import { AgentId, TenantId } from '../contract/ids.ts'
import { agentSecretName, agentSecretPrefix } from '../contract/names.ts'
import { TAGS } from '../contract/tags.ts'

/** An agent's secret by its name and tags, made by us at this stage and not scheduled for deletion. */
export interface ListedSecret {
  secretId: string
  tenantId: TenantId
  agentId: AgentId
  madeAt: Date
}

const SECRETS_PER_PAGE = 100

/** Which agents' secrets there are, without what they hold. */
export const createSecretList = (deps: { secrets: SecretsManagerClient; stage: string }) => {
  const { secrets, stage } = deps

  const pages = async function* (prefix: string): AsyncGenerator<SecretListEntry[]> {
    let NextToken: string | undefined
    do {
      const page = await callAws('secretsmanager', () =>
        secrets.send(
          new ListSecretsCommand({
            Filters: [{ Key: 'name', Values: [prefix] }],
            MaxResults: SECRETS_PER_PAGE,
            NextToken,
          }),
        ),
      )
      yield page.SecretList ?? []
      NextToken = page.NextToken
    } while (NextToken !== undefined)
  }

  /** Nothing for a secret that is not wholly ours: name and tags must say the same. */
  const toListed = ({ Name, Tags = [], CreatedDate }: SecretListEntry): ListedSecret[] => {
    const tagOf = (key: string) => Tags.find(({ Key }) => Key === key)?.Value
    const tenantId = TenantId.safeParse(tagOf(TAGS.tenant)).data
    const agentId = AgentId.safeParse(tagOf(TAGS.agent)).data
    if (tagOf(TAGS.stage) !== stage || tenantId === undefined || agentId === undefined) return []
    const secretId = agentSecretName(stage, tenantId, agentId)
    return Name === secretId && CreatedDate !== undefined ? [{ secretId, tenantId, agentId, madeAt: CreatedDate }] : []
  }

  return {
    /** All of them, a hundred at a time. Secrets Manager may be some minutes behind. */
    list: async function* (): AsyncGenerator<ListedSecret[]> {
      for await (const page of pages(agentSecretPrefix(stage))) yield page.flatMap(toListed)
    },

    /** True when a secret of the tenant's lies under this key. */
    usesKey: async (tenantId: TenantId, keyId: string): Promise<boolean> => {
      for await (const page of pages(agentSecretPrefix(stage, tenantId))) {
        if (page.some(({ KmsKeyId = '' }) => KmsKeyId === keyId || KmsKeyId.endsWith(`/${keyId}`))) return true
      }
      return false
    },
  }
}

export type SecretList = ReturnType<typeof createSecretList>
