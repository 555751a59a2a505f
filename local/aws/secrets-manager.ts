import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { addSeconds, type Clock } from '../../lambdas/core/clock.ts'
import { toBase32 } from '../../lambdas/core/random.ts'
import { sha256Bytes } from '../../lambdas/core/digest.ts'
import { bytesOf, type Database, textOf } from './database.ts'
import type { Kms } from './kms.ts'
import { AwsFault, type Service } from './service.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sm_secret (
    name TEXT PRIMARY KEY, arn TEXT UNIQUE, key TEXT, tags TEXT NOT NULL, deletion TEXT) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sm_version (
    secret TEXT, id TEXT, sealed BLOB NOT NULL, stage TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (secret, id)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sm_former (secret TEXT, id TEXT, sealed BLOB NOT NULL, PRIMARY KEY (secret, id)) WITHOUT ROWID;
`

const Tags = z.array(z.object({ Key: z.string(), Value: z.string() }))
const Token = z.string().min(32).max(64)
const CreateInput = z.object({
  Name: z.string().regex(/^[A-Za-z0-9/_+=.@-]{1,512}$/),
  SecretString: z.string(),
  KmsKeyId: z.string().optional(),
  ClientRequestToken: Token.optional(),
  Tags: Tags.optional(),
})
const PutInput = z.object({ SecretId: z.string(), SecretString: z.string(), ClientRequestToken: Token.optional() })
const UpdateInput = z.object({ SecretId: z.string(), KmsKeyId: z.string(), ClientRequestToken: Token.optional() })
const GetInput = z.object({ SecretId: z.string(), VersionStage: z.enum(['AWSCURRENT', 'AWSPREVIOUS']).optional() })
const DeleteInput = z.object({ SecretId: z.string(), RecoveryWindowInDays: z.number().min(7).max(30).optional() })
const ListInput = z.object({
  Filters: z.array(z.object({ Key: z.literal('name'), Values: z.array(z.string()) })).optional(),
  MaxResults: z.int().positive().max(100).optional(),
  NextToken: z.string().optional(),
})
const TagInput = z.object({ SecretId: z.string(), Tags })

const UntagInput = z.object({ SecretId: z.string(), TagKeys: z.array(z.string()) })

const MAX_BYTES = 65_536
const MAX_VERSIONS = 100
const PRUNE_AFTER_SECONDS = 86_400

/**
 * Secrets with their versions. A version id can be claimed once; at most about 100 versions are kept and none younger than a
 * day is pruned (AWS Secrets Manager API reference, PutSecretValue). Values lie encrypted under the secret's key; one that got
 * another key can be read with either (user guide, "Change the encryption key").
 */
export const createSecretsManager = (
  database: Database,
  clock: Clock,
  kms: Kms,
  place: { region: string; accountId: string },
) => {
  database.define(SCHEMA)

  const find = (secretId: string) => {
    const row = database.get('SELECT * FROM sm_secret WHERE name = ? OR arn = ?', secretId, secretId)
    if (row === null)
      throw new AwsFault('ResourceNotFoundException', "Secrets Manager can't find the specified secret.")
    return row
  }

  const findUsable = (secretId: string) => {
    const row = find(secretId)
    if (row.deletion !== null) {
      throw new AwsFault(
        'InvalidRequestException',
        'You can’t perform this operation on the secret because it was marked for deletion.',
      )
    }
    return row
  }

  const contextOf = (secret: ReturnType<typeof find>, versionId: string) => `${textOf(secret, 'arn')} ${versionId}`

  const seal = (secret: ReturnType<typeof find>, versionId: string, text: string): Buffer =>
    kms.encrypt(textOf(secret, 'key'), contextOf(secret, versionId), Buffer.from(text))

  const reveal = (secret: ReturnType<typeof find>, versionId: string, sealed: Uint8Array): string => {
    const open = (ciphertext: Uint8Array): string =>
      kms.decrypt(textOf(secret, 'key'), contextOf(secret, versionId), ciphertext).toString()
    try {
      return open(sealed)
    } catch (error) {
      const name = textOf(secret, 'name')
      const former = database.get('SELECT sealed FROM sm_former WHERE secret = ? AND id = ?', name, versionId)
      if (former === null) throw error
      return open(bytesOf(former, 'sealed'))
    }
  }

  /** Versions with a label are sealed anew and stay under the key before as well; the others stay as they are. */
  const changeKey = (secret: ReturnType<typeof find>, key: string): void => {
    const name = textOf(secret, 'name')
    const versions = database.all('SELECT id, sealed, stage FROM sm_version WHERE secret = ?', name)
    for (const version of versions) {
      const id = textOf(version, 'id')
      const former = kms.nameSealer(textOf(secret, 'key'), bytesOf(version, 'sealed'))
      const text = textOf(version, 'stage') === '' ? null : reveal(secret, id, former)
      const sealed = text === null ? former : seal({ ...secret, key }, id, text)
      database.run('UPDATE sm_version SET sealed = ? WHERE secret = ? AND id = ?', sealed, name, id)
      if (text !== null)
        database.run('INSERT OR REPLACE INTO sm_former (secret, id, sealed) VALUES (?, ?, ?)', name, id, former)
    }
    database.run('UPDATE sm_secret SET key = ? WHERE name = ?', key, name)
  }

  const prune = (name: string): void => {
    const before = addSeconds(clock.now(), -PRUNE_AFTER_SECONDS).toISOString()
    const excess =
      Number(database.get('SELECT count(*) AS n FROM sm_version WHERE secret = ?', name)?.n ?? 0) - MAX_VERSIONS + 1
    if (excess <= 0) return
    const pruned = database.run(
      `DELETE FROM sm_version WHERE secret = ? AND id IN
         (SELECT id FROM sm_version WHERE secret = ? AND stage = '' AND created < ? ORDER BY created LIMIT ?)`,
      ...[name, name, before, excess],
    )
    database.run(
      'DELETE FROM sm_former WHERE secret = ? AND id NOT IN (SELECT id FROM sm_version WHERE secret = ?)',
      ...[name, name],
    )
    if (pruned < excess) throw new AwsFault('LimitExceededException', 'The secret has too many versions.')
  }

  const addVersion = (secret: ReturnType<typeof find>, versionId: string, text: string) => {
    if (Buffer.byteLength(text) > MAX_BYTES)
      throw new AwsFault('InvalidParameterException', 'The secret value is longer than 65536 bytes.')
    const name = textOf(secret, 'name')
    const existing = database.get('SELECT sealed FROM sm_version WHERE secret = ? AND id = ?', name, versionId)
    if (existing !== null) {
      if (reveal(secret, versionId, bytesOf(existing, 'sealed')) === text) return
      throw new AwsFault('ResourceExistsException', 'A resource with the ID you requested already exists.')
    }
    prune(name)
    database.run("UPDATE sm_version SET stage = '' WHERE secret = ? AND stage = 'AWSPREVIOUS'", name)
    database.run("UPDATE sm_version SET stage = 'AWSPREVIOUS' WHERE secret = ? AND stage = 'AWSCURRENT'", name)
    database.run(
      "INSERT INTO sm_version (secret, id, sealed, stage, created) VALUES (?, ?, ?, 'AWSCURRENT', ?)",
      ...[name, versionId, seal(secret, versionId, text), clock.now().toISOString()],
    )
  }

  const answer = (secret: ReturnType<typeof find>, versionId: string) => ({
    ARN: textOf(secret, 'arn'),
    Name: textOf(secret, 'name'),
    VersionId: versionId,
  })

  const tagsOf = (secret: ReturnType<typeof find>) => Tags.parse(JSON.parse(textOf(secret, 'tags')))

  /** In epoch seconds: of the oldest version that is kept, which was made with the secret unless that was pruned. */
  const createdAt = (name: string): number => {
    const first = database.get('SELECT min(created) AS at FROM sm_version WHERE secret = ?', name)
    return new Date(textOf(first ?? {}, 'at')).getTime() / 1000
  }

  const service: Service = {
    CreateSecret: (raw) => {
      const input = CreateInput.parse(raw)
      return database.transaction(() => {
        const existing = database.get('SELECT * FROM sm_secret WHERE name = ?', input.Name)
        if (existing !== null) {
          findUsable(input.Name)
          throw new AwsFault(
            'ResourceExistsException',
            `The operation failed because the secret ${input.Name} already exists.`,
          )
        }
        const suffix = toBase32(sha256Bytes(randomUUID())).slice(0, 6)
        const arn = `arn:aws:secretsmanager:${place.region}:${place.accountId}:secret:${input.Name}-${suffix}`
        database.run(
          'INSERT INTO sm_secret (name, arn, key, tags) VALUES (?, ?, ?, ?)',
          ...[input.Name, arn, input.KmsKeyId ?? '', JSON.stringify(input.Tags ?? [])],
        )
        const versionId = input.ClientRequestToken ?? randomUUID()
        addVersion(find(input.Name), versionId, input.SecretString)
        return answer(find(input.Name), versionId)
      })
    },
    PutSecretValue: (raw) => {
      const input = PutInput.parse(raw)
      return database.transaction(() => {
        const secret = findUsable(input.SecretId)
        const versionId = input.ClientRequestToken ?? randomUUID()
        addVersion(secret, versionId, input.SecretString)
        return { ...answer(secret, versionId), VersionStages: ['AWSCURRENT'] }
      })
    },
    UpdateSecret: (raw) => {
      const { SecretId, KmsKeyId } = UpdateInput.parse(raw)
      return database.transaction(() => {
        const secret = findUsable(SecretId)
        changeKey(secret, KmsKeyId)
        return { ARN: textOf(secret, 'arn'), Name: textOf(secret, 'name') }
      })
    },
    GetSecretValue: (raw) => {
      const input = GetInput.parse(raw)
      const secret = findUsable(input.SecretId)
      const stage = input.VersionStage ?? 'AWSCURRENT'
      const version = database.get(
        'SELECT id, sealed FROM sm_version WHERE secret = ? AND stage = ?',
        textOf(secret, 'name'),
        stage,
      )
      if (version === null)
        throw new AwsFault(
          'ResourceNotFoundException',
          `Secrets Manager can't find the specified secret value for staging label: ${stage}`,
        )
      const versionId = textOf(version, 'id')
      return {
        ...answer(secret, versionId),
        SecretString: reveal(secret, versionId, bytesOf(version, 'sealed')),
        VersionStages: [stage],
      }
    },
    DescribeSecret: (raw) => {
      const secret = find(GetInput.parse(raw).SecretId)
      const versions = database.all(
        "SELECT id, stage FROM sm_version WHERE secret = ? AND stage <> ''",
        textOf(secret, 'name'),
      )
      return {
        ARN: textOf(secret, 'arn'),
        Name: textOf(secret, 'name'),
        KmsKeyId: textOf(secret, 'key') || undefined,
        Tags: tagsOf(secret),
        DeletedDate: secret.deletion === null ? undefined : new Date(textOf(secret, 'deletion')).getTime() / 1000,
        VersionIdsToStages: Object.fromEntries(versions.map((row) => [textOf(row, 'id'), [textOf(row, 'stage')]])),
      }
    },
    ListSecrets: (raw) => {
      const { Filters = [], MaxResults = 100, NextToken = '' } = ListInput.parse(raw)
      const left = database
        .all('SELECT * FROM sm_secret WHERE deletion IS NULL AND name > ? ORDER BY name', NextToken)
        .filter((row) => Filters.every(({ Values }) => Values.some((start) => textOf(row, 'name').startsWith(start))))
      const page = left.slice(0, MaxResults)
      return {
        SecretList: page.map((row) => ({
          ARN: textOf(row, 'arn'),
          Name: textOf(row, 'name'),
          KmsKeyId: textOf(row, 'key') || undefined,
          Tags: tagsOf(row),
          CreatedDate: createdAt(textOf(row, 'name')),
        })),
        NextToken: page.length < left.length ? page.at(-1)?.name : undefined,
      }
    },
    DeleteSecret: (raw) => {
      const input = DeleteInput.parse(raw)
      const secret = findUsable(input.SecretId)
      const deletion = addSeconds(clock.now(), (input.RecoveryWindowInDays ?? 30) * 86_400)
      database.run('UPDATE sm_secret SET deletion = ? WHERE name = ?', deletion.toISOString(), textOf(secret, 'name'))
      return { ARN: textOf(secret, 'arn'), Name: textOf(secret, 'name'), DeletionDate: deletion.getTime() / 1000 }
    },
    TagResource: (raw) => {
      const input = TagInput.parse(raw)
      const secret = find(input.SecretId)
      const kept = tagsOf(secret).filter((tag) => !input.Tags.some(({ Key }) => Key === tag.Key))
      database.run(
        'UPDATE sm_secret SET tags = ? WHERE name = ?',
        JSON.stringify([...kept, ...input.Tags]),
        textOf(secret, 'name'),
      )
      return {}
    },
    UntagResource: (raw) => {
      const input = UntagInput.parse(raw)
      const secret = find(input.SecretId)
      const kept = tagsOf(secret).filter(({ Key }) => !input.TagKeys.includes(Key))
      database.run('UPDATE sm_secret SET tags = ? WHERE name = ?', JSON.stringify(kept), textOf(secret, 'name'))
      return {}
    },
  }
  return { service }
}
