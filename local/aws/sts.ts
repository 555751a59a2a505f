import { randomUUID } from 'node:crypto'
import {
  createLocalJWKSet,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importPKCS8,
  type JWTVerifyGetKey,
  SignJWT,
} from 'jose'
import * as z from 'zod'
import type { Clock } from '../../lambdas/core/clock.ts'
import { bytesOf, type Database, textOf } from './database.ts'
import type { Kms } from './kms.ts'
import { AwsFault, type Service } from './service.ts'

const SCHEMA =
  'CREATE TABLE IF NOT EXISTS sts_issuer (name TEXT PRIMARY KEY, sealed BLOB NOT NULL, jwk TEXT NOT NULL) WITHOUT ROWID;'
const ALGORITHM = 'ES384'
const TokenInput = z.object({
  Audience: z.array(z.string()).min(1),
  DurationSeconds: z.number().min(60).max(3600).optional(),
  SigningAlgorithm: z.literal(ALGORITHM),
})

/** The issuer of instance identities: signs what STS GetWebIdentityToken would, with a key made at first start. */
export const createSts = async (database: Database, clock: Clock, kms: Kms, issuer: string, accountId: string) => {
  database.define(SCHEMA)
  if (database.get("SELECT name FROM sts_issuer WHERE name = 'issuer'") === null) {
    const pair = await generateKeyPair(ALGORITHM, { extractable: true })
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: randomUUID(), alg: ALGORITHM, use: 'sig' }
    const sealed = kms.sealDefault('sts-issuer', Buffer.from(await exportPKCS8(pair.privateKey)))
    database.run("INSERT INTO sts_issuer (name, sealed, jwk) VALUES ('issuer', ?, ?)", sealed, JSON.stringify(jwk))
  }
  const row = database.get("SELECT sealed, jwk FROM sts_issuer WHERE name = 'issuer'") ?? {}
  const jwk = z.looseObject({ kty: z.string(), kid: z.string() }).parse(JSON.parse(textOf(row, 'jwk')))
  const privateKey = await importPKCS8(kms.openDefault('sts-issuer', bytesOf(row, 'sealed')).toString(), ALGORITHM)
  const keys: JWTVerifyGetKey = createLocalJWKSet({ keys: [jwk] })

  /** The STS that one machine sees: whoever calls it is that machine. */
  const serviceFor = (instanceArn: string): Service => ({
    GetWebIdentityToken: async (raw) => {
      const input = TokenInput.safeParse(raw)
      if (!input.success) throw new AwsFault('ValidationError', 'The request does not fit')
      const issuedAt = Math.floor(clock.now().getTime() / 1000)
      const expiresAt = issuedAt + (input.data.DurationSeconds ?? 300)
      const token = await new SignJWT({
        'https://sts.amazonaws.com/': { ec2_source_instance_arn: instanceArn, aws_account: accountId },
      })
        .setProtectedHeader({ alg: ALGORITHM, kid: jwk.kid, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(input.data.Audience)
        .setSubject(instanceArn)
        .setJti(randomUUID())
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(privateKey)
      return { WebIdentityToken: token, Expiration: new Date(expiresAt * 1000) }
    },
  })

  return { keys, issuer, published: { keys: [jwk] }, serviceFor }
}
