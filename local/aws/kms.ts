import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign,
} from 'node:crypto'
import * as z from 'zod'
import { addSeconds, type Clock } from '../../lambdas/core/clock.ts'
import { bytesOf, type Database, numberOf, textOf } from './database.ts'
import { AwsFault, type Service } from './service.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS kms_key (
    id TEXT PRIMARY KEY, arn TEXT UNIQUE, material BLOB NOT NULL, state TEXT NOT NULL, deletion TEXT, policy TEXT, tags TEXT,
    rotation INTEGER NOT NULL, created TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS kms_material (
    key TEXT, number INTEGER, sealed BLOB NOT NULL, PRIMARY KEY (key, number)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS kms_signer (id TEXT PRIMARY KEY, sealed BLOB NOT NULL, public BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS kms_alias (name TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;
`

const Tags = z.array(z.object({ TagKey: z.string(), TagValue: z.string() })).optional()
const CreateKeyInput = z.object({
  Description: z.string().optional(),
  Policy: z.string().optional(),
  KeySpec: z.literal('ECC_NIST_P256').optional(),
  KeyUsage: z.literal('SIGN_VERIFY').optional(),
  Tags,
})
const SignInput = z.object({
  KeyId: z.string(),
  Message: z.base64().refine((text) => Buffer.from(text, 'base64').length <= 4096),
  MessageType: z.literal('RAW'),
  SigningAlgorithm: z.literal('ECDSA_SHA_256'),
})
const KeyIdInput = z.object({ KeyId: z.string() })
const PageInput = { Limit: z.int().positive().max(1000).optional(), Marker: z.string().optional() }
const ListKeysInput = z.object(PageInput)
const ListAliasesInput = z.object({ ...PageInput, KeyId: z.string().optional() })
const AliasInput = z.object({ AliasName: z.string().startsWith('alias/'), TargetKeyId: z.string() })
const PolicyInput = z.object({ KeyId: z.string(), Policy: z.string().min(1).max(32_768) })
const Context = z.record(z.string(), z.string()).optional()
const EncryptInput = z.object({ KeyId: z.string(), Plaintext: z.base64(), EncryptionContext: Context })
const DecryptInput = z.object({ KeyId: z.string(), CiphertextBlob: z.base64(), EncryptionContext: Context })
const ScheduleInput = z.object({ KeyId: z.string(), PendingWindowInDays: z.number().min(7).max(30).optional() })

/** One page of rows in the order of their markers, and where the next one begins. */
const pageOf = <T>(
  rows: readonly T[],
  markerOf: (row: T) => string,
  { Limit, Marker = '' }: { Limit?: number; Marker?: string },
  usual: number,
) => {
  const left = rows.filter((row) => markerOf(row) > Marker)
  const page = left.slice(0, Limit ?? usual)
  const last = page.at(-1)
  const isCut = page.length < left.length && last !== undefined
  return { page, more: isCut ? { NextMarker: markerOf(last), Truncated: true } : { Truncated: false } }
}

const IV_BYTES = 12
const TAG_BYTES = 16

const seal = (key: Uint8Array, context: string, plaintext: Uint8Array): Buffer => {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
  return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

const open = (key: Uint8Array, context: string, sealed: Uint8Array): Buffer => {
  const bytes = Buffer.from(sealed)
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES))
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, bytes.length - TAG_BYTES)), decipher.final()])
}

/** Stands before what a key sealed, with the key and the number of its material. What is older says neither. */
const MARK = Buffer.from('vestibule-kms\0')
const FIRST_MATERIAL = 0
const DEFAULT_KEY = 'aws/secretsmanager'
const MAX_ROTATIONS_ON_DEMAND = 25

interface Sealer {
  key: string
  material: number
}

const withSealer = ({ key, material }: Sealer, sealed: Uint8Array): Buffer =>
  Buffer.concat([MARK, Buffer.from(`${key} ${material}\n`), sealed])

const readSealer = (ciphertext: Uint8Array): { sealer: Sealer | null; sealed: Buffer } => {
  const bytes = Buffer.from(ciphertext)
  if (!bytes.subarray(0, MARK.length).equals(MARK)) return { sealer: null, sealed: bytes }
  const end = bytes.indexOf('\n', MARK.length)
  const [key = '', material] = bytes.subarray(MARK.length, end).toString().split(' ')
  return { sealer: { key, material: Number(material) }, sealed: bytes.subarray(end + 1) }
}

const fromBase64 = (text: string): Buffer => Buffer.from(text, 'base64')

/** The context as one text, whatever the order of its keys. */
const contextText = (context: Record<string, string> = {}): string =>
  JSON.stringify(Object.entries(context).toSorted(([left], [right]) => (left < right ? -1 : 1)))

/**
 * Keys, aliases, and what Secrets Manager asks of KMS. Key material lies wrapped under a root key that is kept in a file of
 * its own, so the database alone decrypts nothing.
 */
export const createKms = (
  database: Database,
  clock: Clock,
  rootKey: Uint8Array,
  place: { region: string; accountId: string },
) => {
  database.define(SCHEMA)

  const arnOf = (id: string): string => `arn:aws:kms:${place.region}:${place.accountId}:key/${id}`

  const find = (keyId: string) => {
    const id = keyId.startsWith('alias/')
      ? textOf(database.get('SELECT key FROM kms_alias WHERE name = ?', keyId) ?? {}, 'key')
      : (keyId.split('/').at(-1) ?? '')
    const row = database.get('SELECT * FROM kms_key WHERE id = ?', id)
    if (row === null) throw new AwsFault('NotFoundException', `Key '${keyId}' does not exist`)
    return row
  }

  const findUsable = (keyId: string) => {
    const row = find(keyId)
    if (textOf(row, 'state') !== 'Enabled')
      throw new AwsFault('KMSInvalidStateException', `${textOf(row, 'arn')} is pending deletion`)
    return row
  }

  /** How often the key's material was renewed, which is the number of what seals now. */
  const lastMaterial = (id: string): number =>
    numberOf(database.get('SELECT max(number) AS number FROM kms_material WHERE key = ?', id), 'number')

  const materialOf = ({ key, material }: Sealer): Uint8Array => {
    if (key === DEFAULT_KEY) return rootKey
    const row = findUsable(key)
    if (material === FIRST_MATERIAL) return open(rootKey, key, bytesOf(row, 'material'))
    const renewed = database.get('SELECT sealed FROM kms_material WHERE key = ? AND number = ?', key, material)
    return open(rootKey, `${key} ${material}`, bytesOf(renewed ?? {}, 'sealed'))
  }

  const keyIdOf = (keyId: string): string => (keyId === '' ? DEFAULT_KEY : textOf(find(keyId), 'id'))

  const encrypt = (keyId: string, context: string, plaintext: Uint8Array): Buffer => {
    const key = keyIdOf(keyId)
    const sealer = { key, material: lastMaterial(key) }
    return withSealer(sealer, seal(materialOf(sealer), context, plaintext))
  }

  /** `keyId` is whose first material opens what does not say what sealed it. */
  const decrypt = (keyId: string, context: string, ciphertext: Uint8Array): Buffer => {
    const { sealer, sealed } = readSealer(ciphertext)
    return open(materialOf(sealer ?? { key: keyIdOf(keyId), material: FIRST_MATERIAL }), context, sealed)
  }

  const createSigner = (id: string): void => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const sealed = seal(rootKey, id, privateKey.export({ format: 'der', type: 'pkcs8' }))
    const published = publicKey.export({ format: 'der', type: 'spki' })
    database.run('INSERT INTO kms_signer (id, sealed, public) VALUES (?, ?, ?)', id, sealed, published)
  }

  const signerOf = (key: ReturnType<typeof find>) => {
    const row = database.get('SELECT sealed, public FROM kms_signer WHERE id = ?', textOf(key, 'id'))
    if (row === null) throw new AwsFault('InvalidKeyUsageException', `${textOf(key, 'arn')} is not for signing`)
    return row
  }

  const isSigner = (key: ReturnType<typeof find>): boolean =>
    database.get('SELECT id FROM kms_signer WHERE id = ?', textOf(key, 'id')) !== null

  const metadata = (row: ReturnType<typeof find>) => ({
    KeyId: textOf(row, 'id'),
    Arn: textOf(row, 'arn'),
    KeyState: textOf(row, 'state'),
    Enabled: textOf(row, 'state') === 'Enabled',
    CreationDate: new Date(textOf(row, 'created')).getTime() / 1000,
  })

  const service: Service = {
    CreateKey: (raw) => {
      const input = CreateKeyInput.parse(raw)
      const id = randomUUID()
      database.run(
        'INSERT INTO kms_key (id, arn, material, state, policy, tags, rotation, created) VALUES (?, ?, ?, ?, ?, ?, 0, ?)',
        ...[
          id,
          arnOf(id),
          seal(rootKey, id, randomBytes(32)),
          'Enabled',
          input.Policy ?? '',
          JSON.stringify(input.Tags ?? []),
        ],
        clock.now().toISOString(),
      )
      if (input.KeySpec !== undefined) createSigner(id)
      return { KeyMetadata: metadata(find(id)) }
    },
    GetPublicKey: (raw) => {
      const { KeyId } = KeyIdInput.parse(raw)
      const key = findUsable(KeyId)
      return { KeyId: textOf(key, 'arn'), PublicKey: bytesOf(signerOf(key), 'public').toString('base64') }
    },
    Sign: (raw) => {
      const input = SignInput.parse(raw)
      const key = findUsable(input.KeyId)
      const sealed = bytesOf(signerOf(key), 'sealed')
      const privateKey = createPrivateKey({
        key: open(rootKey, textOf(key, 'id'), sealed),
        format: 'der',
        type: 'pkcs8',
      })
      const signature = sign('sha256', fromBase64(input.Message), privateKey)
      return { KeyId: textOf(key, 'arn'), Signature: signature.toString('base64') }
    },
    DescribeKey: (raw) => ({ KeyMetadata: metadata(find(KeyIdInput.parse(raw).KeyId)) }),
    CreateAlias: (raw) => {
      const { AliasName, TargetKeyId } = AliasInput.parse(raw)
      const id = textOf(find(TargetKeyId), 'id')
      const made = database.run('INSERT OR IGNORE INTO kms_alias (name, key) VALUES (?, ?)', AliasName, id)
      if (made === 0) throw new AwsFault('AlreadyExistsException', `An alias with the name ${AliasName} already exists`)
      return {}
    },
    UpdateAlias: (raw) => {
      const { AliasName, TargetKeyId } = AliasInput.parse(raw)
      const from = find(AliasName)
      const to = findUsable(TargetKeyId)
      if (isSigner(from) !== isSigner(to)) throw new AwsFault('ValidationException', 'The keys are of different types')
      database.run('UPDATE kms_alias SET key = ? WHERE name = ?', textOf(to, 'id'), AliasName)
      return {}
    },
    ListKeys: (raw) => {
      const rows = database.all('SELECT id, arn FROM kms_key ORDER BY id')
      const { page, more } = pageOf(rows, (row) => textOf(row, 'id'), ListKeysInput.parse(raw), 100)
      return { Keys: page.map((row) => ({ KeyId: textOf(row, 'id'), KeyArn: textOf(row, 'arn') })), ...more }
    },
    ListAliases: (raw) => {
      const input = ListAliasesInput.parse(raw)
      const rows =
        input.KeyId === undefined
          ? database.all('SELECT name, key FROM kms_alias ORDER BY name')
          : database.all('SELECT name, key FROM kms_alias WHERE key = ? ORDER BY name', textOf(find(input.KeyId), 'id'))
      const { page, more } = pageOf(rows, (row) => textOf(row, 'name'), input, 50)
      return {
        Aliases: page.map((row) => ({ AliasName: textOf(row, 'name'), TargetKeyId: textOf(row, 'key') })),
        ...more,
      }
    },
    ListResourceTags: (raw) => {
      const key = find(KeyIdInput.parse(raw).KeyId)
      return { Tags: JSON.parse(textOf(key, 'tags')), Truncated: false }
    },
    EnableKeyRotation: (raw) => {
      const id = textOf(find(KeyIdInput.parse(raw).KeyId), 'id')
      database.run('UPDATE kms_key SET rotation = 1 WHERE id = ?', id)
      return {}
    },
    RotateKeyOnDemand: (raw) => {
      const key = findUsable(KeyIdInput.parse(raw).KeyId)
      const id = textOf(key, 'id')
      if (isSigner(key)) throw new AwsFault('UnsupportedOperationException', `${textOf(key, 'arn')} cannot be rotated`)
      const number = lastMaterial(id) + 1
      if (number > MAX_ROTATIONS_ON_DEMAND)
        throw new AwsFault('LimitExceededException', 'The key was rotated on demand as often as it may be')
      const sealed = seal(rootKey, `${id} ${number}`, randomBytes(32))
      database.run('INSERT INTO kms_material (key, number, sealed) VALUES (?, ?, ?)', id, number, sealed)
      return { KeyId: id }
    },
    PutKeyPolicy: (raw) => {
      const { KeyId, Policy } = PolicyInput.parse(raw)
      database.run('UPDATE kms_key SET policy = ? WHERE id = ?', Policy, textOf(find(KeyId), 'id'))
      return {}
    },
    Encrypt: (raw) => {
      const input = EncryptInput.parse(raw)
      const key = find(input.KeyId)
      const sealed = encrypt(textOf(key, 'id'), contextText(input.EncryptionContext), fromBase64(input.Plaintext))
      return { KeyId: textOf(key, 'arn'), CiphertextBlob: sealed.toString('base64') }
    },
    Decrypt: (raw) => {
      const input = DecryptInput.parse(raw)
      const key = findUsable(input.KeyId)
      const ciphertext = fromBase64(input.CiphertextBlob)
      const { sealer } = readSealer(ciphertext)
      if (sealer !== null && sealer.key !== textOf(key, 'id'))
        throw new AwsFault('IncorrectKeyException', 'The ciphertext is of another key')
      try {
        const opened = decrypt(textOf(key, 'id'), contextText(input.EncryptionContext), ciphertext)
        return { KeyId: textOf(key, 'arn'), Plaintext: opened.toString('base64') }
      } catch (error) {
        if (error instanceof AwsFault) throw error
        throw new AwsFault('InvalidCiphertextException', 'The ciphertext or its context does not fit the key')
      }
    },
    ScheduleKeyDeletion: (raw) => {
      const input = ScheduleInput.parse(raw)
      const row = find(input.KeyId)
      if (textOf(row, 'state') === 'PendingDeletion')
        throw new AwsFault('KMSInvalidStateException', 'The key is pending deletion')
      const deletion = addSeconds(clock.now(), (input.PendingWindowInDays ?? 30) * 86_400)
      database.run(
        "UPDATE kms_key SET state = 'PendingDeletion', deletion = ? WHERE id = ?",
        deletion.toISOString(),
        textOf(row, 'id'),
      )
      return { KeyId: textOf(row, 'arn'), DeletionDate: deletion.getTime() / 1000, KeyState: 'PendingDeletion' }
    },
  }

  return {
    service,
    /**
     * What Secrets Manager does with a key: the context binds a ciphertext to its secret and version. No key is the account's
     * default one. A ciphertext says which key and which of its material sealed it; one of an older schema opens with `keyId`.
     */
    encrypt,
    decrypt,
    /** The ciphertext, saying what sealed it also where it is of the older schema. */
    nameSealer: (keyId: string, ciphertext: Uint8Array): Buffer =>
      readSealer(ciphertext).sealer === null
        ? withSealer({ key: keyIdOf(keyId), material: FIRST_MATERIAL }, ciphertext)
        : Buffer.from(ciphertext),
    sealDefault: (context: string, plaintext: Uint8Array): Buffer => seal(rootKey, context, plaintext),
    openDefault: (context: string, sealed: Uint8Array): Buffer => open(rootKey, context, sealed),
  }
}

export type Kms = ReturnType<typeof createKms>
