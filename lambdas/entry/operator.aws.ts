import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms'
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import {
  PutSecretValueCommand,
  type SecretsManagerClient,
  GetSecretValueCommand,
} from '@aws-sdk/client-secrets-manager'
import { type DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod/mini'
import { createTenantStore } from '../accounts/tenant-store.aws.ts'
import { createAgentStore } from '../agents/agent-store.aws.ts'
import { createAuditTrail } from '../audit/audit-trail.aws.ts'
import { callAws } from '../aws/errors.aws.ts'
import { transact, type TransactStep } from '../aws/transact.aws.ts'
import type { AuditAction } from '../contract/audit.ts'
import { AgentId, TenantId } from '../contract/ids.ts'
import { agentKey, OUTBOX_PARTITION, PLATFORM_CHAIN } from '../contract/names.ts'
import { HASHED_FILES, NOT_FOUND_MARK, NOT_FOUND_PAGE } from '../contract/site.ts'
import type { Pause } from '../core/clock.ts'
import { sha256Hex } from '../core/digest.ts'
import type { Result } from '../core/result.ts'
import {
  type ReplacedTenantKey,
  replaceTenantKey,
  type ReplaceTenantKeyFailure,
} from '../credentials/replace-tenant-key.ts'
import { createTenantKeyReplacement } from '../credentials/tenant-key-replacement.aws.ts'
import { createUnnamedKeys } from '../credentials/unnamed-keys.aws.ts'
import { bootstrapInvite } from '../invites/bootstrap-invite.ts'
import { createInviteStore } from '../invites/invite-store.aws.ts'
import type { IssuedInvite } from '../invites/issue-invite.ts'
import { rotateSessionKeys } from '../sessions/rotate-session-keys.aws.ts'
import type { Ambient } from './deps.aws.ts'

export interface OperatorNames {
  stage: string
  siteOrigin: string
  siteBucket: string
  directoryTable: string
  agentsTable: string
  auditTable: string
  sessionKeysSecret: string
  originProofSecret: string
  assetsBucket: string
  releaseKey: string
}

export interface SiteFile {
  name: string
  type: string
  body: Uint8Array
}

/** What machines install: the list of its files, and the archive that holds them. */
export interface AgentRelease {
  list: Uint8Array
  bundle: Uint8Array
}

const SLOTS = z.record(z.string(), z.string())
const PROOF_BYTES = 48

const endsByDeletion = ({ pk, sk }: Record<string, unknown>): boolean =>
  /^(?:SESSION|TOKEN|MAIL)#|^PENDING$/.test(String(sk)) || pk === OUTBOX_PARTITION

/** The agent that a name is taken for; none for other rows. */
const holderOf = (row: Record<string, unknown>): { pk: string; sk: string } | null => {
  const { pk, sk, agentId } = row
  if (!String(sk).startsWith('NAME#')) return null
  return agentKey(TenantId.parse(String(pk).replace('TENANT#', '')), AgentId.parse(agentId))
}

const holdsStep = (table: string, holder: { pk: string; sk: string }): TransactStep<'without_holder'> => ({
  refusal: 'without_holder',
  action: {
    ConditionCheck: {
      TableName: table,
      Key: holder,
      ConditionExpression: 'attribute_exists(pk) AND #status <> :deleted',
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: { ':deleted': 'deleted' },
    },
  },
})

/** What the operator does with AWS credentials of their own, past every function: it works where nothing else does yet. */
export const createOperator = (
  clients: { dynamo: DynamoDBDocumentClient; secrets: SecretsManagerClient; s3: S3Client; kms: KMSClient },
  names: OperatorNames,
  { clock, random, pause }: Ambient & { pause: Pause },
) => {
  const { dynamo, secrets, s3, kms } = clients
  const { stage, directoryTable, agentsTable, auditTable } = names
  const audit = createAuditTrail({ dynamo, auditTable, directoryTable, clock, random })
  const invites = createInviteStore({ dynamo, directoryTable })

  const note = (action: AuditAction, target: string): Promise<void> =>
    audit.record(PLATFORM_CHAIN, { actor: { kind: 'system', id: 'operator' }, action, target, detail: {} })

  return {
    /** Makes the first admin's invite. Works once; another try is refused, and audited. */
    inviteFirstAdmin: (email: string): Promise<Result<IssuedInvite, { reason: 'already_bootstrapped' }>> =>
      bootstrapInvite(
        { invites, audit, clock, random, siteOrigin: names.siteOrigin },
        { email, requestId: 'operator' },
      ),

    rotateSessionKeys: async (): Promise<Result<{ kid: string }, { reason: 'rotated_meanwhile' }>> => {
      const rotated = await rotateSessionKeys({ secrets, random }, names.sessionKeysSecret)
      if (rotated.ok) await note('session_keys.rotated', rotated.value.kid)
      return rotated
    },

    /** Gives a tenant another key, or goes on where a run before this one was cut off. */
    replaceTenantKey: (tenantId: TenantId): Promise<Result<ReplacedTenantKey, ReplaceTenantKeyFailure>> =>
      replaceTenantKey(
        {
          ...{ audit, clock, stage },
          tenants: createTenantStore({ dynamo, directoryTable }),
          agents: createAgentStore({ dynamo, agentsTable, random }),
          replacement: createTenantKeyReplacement({
            ...{ kms, secrets, stage, clock, pause },
            unnamedKeys: createUnnamedKeys({ kms, stage }),
          }),
        },
        tenantId,
      ),

    /** Fills the slot that the edge does not send with a new value. The next deploy switches the edge to it. */
    renewOriginProof: async (sentSlot: 'a' | 'b'): Promise<'a' | 'b'> => {
      const freshSlot = sentSlot === 'a' ? 'b' : 'a'
      const SecretId = names.originProofSecret
      const got = await callAws('secretsmanager', () =>
        secrets.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSCURRENT' })),
      )
      const slots = SLOTS.parse(JSON.parse(got.SecretString ?? 'null'))
      const renewed = { ...slots, [freshSlot]: random.bytes(PROOF_BYTES).toString('base64url') }
      await callAws('secretsmanager', () =>
        secrets.send(new PutSecretValueCommand({ SecretId, SecretString: JSON.stringify(renewed) })),
      )
      await note('origin_proof.rotated', freshSlot)
      return freshSlot
    },

    /**
     * Puts back the rows that a table has lost, from one that was restored beside it. A row that is there stays as it is. Rows
     * whose absence means something stay away: sessions and tokens that were ended, invites and mails that were settled, names
     * whose agent was deleted.
     */
    restoreRows: async (fromTable: string, toTable: string): Promise<{ restored: number; kept: number }> => {
      let restored = 0
      let kept = 0
      let startKey: Record<string, unknown> | undefined
      do {
        const page = await callAws('dynamodb', () =>
          dynamo.send(new ScanCommand({ TableName: fromTable, ConsistentRead: true, ExclusiveStartKey: startKey })),
        )
        for (const row of (page.Items ?? []).filter((item) => !endsByDeletion(item))) {
          const partition = 'chain' in row && 'sequence' in row ? 'chain' : 'pk'
          const holder = holderOf(row)
          const put = await transact(dynamo, random, [
            {
              refusal: 'there',
              action: {
                Put: {
                  TableName: toTable,
                  Item: row,
                  ConditionExpression: 'attribute_not_exists(#partition)',
                  ExpressionAttributeNames: { '#partition': partition },
                },
              },
            },
            ...(holder === null ? [] : [holdsStep(toTable, holder)]),
          ])
          if (put.ok) restored += 1
          else kept += 1
        }
        startKey = page.LastEvaluatedKey
      } while (startKey !== undefined)
      return { restored, kept }
    },

    /**
     * Signs a release with the installation's own key and uploads it, the list last: what is named is there. Gives what the
     * stacks are told: which release new machines install, and the public key that it must be signed for.
     */
    publishAgent: async ({ list, bundle }: AgentRelease): Promise<{ release: string; publicKey: string }> => {
      const KeyId = names.releaseKey
      const { Signature = new Uint8Array() } = await callAws('kms', () =>
        kms.send(new SignCommand({ KeyId, Message: list, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' })),
      )
      const { PublicKey = new Uint8Array() } = await callAws('kms', () => kms.send(new GetPublicKeyCommand({ KeyId })))
      const release = sha256Hex(list)
      const files = { 'bundle.tar.gz': bundle, 'release.sig': Signature, 'release.txt': list }
      for (const [name, Body] of Object.entries(files)) {
        await callAws('s3', () =>
          s3.send(new PutObjectCommand({ Bucket: names.assetsBucket, Key: `agent/${release}/${name}`, Body })),
        )
      }
      await note('agent_release.published', release)
      return { release, publicKey: Buffer.from(PublicKey).toString('base64') }
    },

    /** Uploads the site: first what pages refer to, then the pages, so that no page ever names what is not there. */
    publishSite: async (files: readonly SiteFile[]): Promise<void> => {
      const pagesLast = files.toSorted(
        (left, right) => Number(left.name.endsWith('.html')) - Number(right.name.endsWith('.html')),
      )
      for (const { name, type, body } of pagesLast) {
        await callAws('s3', () =>
          s3.send(
            new PutObjectCommand({
              Bucket: names.siteBucket,
              Key: name,
              Body: body,
              ContentType: type,
              ...(name === NOT_FOUND_PAGE ? { Metadata: { [NOT_FOUND_MARK.replace('x-amz-meta-', '')]: 'yes' } } : {}),
              CacheControl: name.startsWith(HASHED_FILES) ? 'public, max-age=31536000, immutable' : 'no-cache',
            }),
          ),
        )
      }
    },
  }
}

export type Operator = ReturnType<typeof createOperator>
