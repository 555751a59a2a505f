import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { EMBEDDED_INSTANCE_TYPE, EMBEDDED_PLACE } from '../local/aws/embedded-aws.ts'
import type { CredentialIssuer } from './instance-credentials.ts'
import { ADDRESSES } from './place.ts'

/** What the metadata service knows about the machine that asks. */
export interface MachineFacts {
  instanceId: string
  zone: string
  address: string
  userData: string
}

export const INSTANCE_ROLE = 'vestibule-rig-instance'

const TOKEN_PATH = '/latest/api/token'
const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds'
const TOKEN_HEADER = 'x-aws-ec2-metadata-token'
const MAX_TTL_SECONDS = 21_600

interface Answer {
  status: number
  body: string
}

const refuse = (status: number): Answer => ({ status, body: '' })

const contentOf = (path: string, facts: MachineFacts, credentials: CredentialIssuer): string | null => {
  const { region, accountId } = EMBEDDED_PLACE
  switch (path) {
    case '/latest/meta-data/instance-id':
      return facts.instanceId
    case '/latest/meta-data/local-ipv4':
      return facts.address
    case '/latest/meta-data/placement/region':
      return region
    case '/latest/meta-data/placement/availability-zone':
      return facts.zone
    case '/latest/meta-data/iam/security-credentials':
    case '/latest/meta-data/iam/security-credentials/':
      return INSTANCE_ROLE
    case `/latest/meta-data/iam/security-credentials/${INSTANCE_ROLE}`: {
      const issued = credentials.for(facts.instanceId)
      return JSON.stringify({
        Code: 'Success',
        LastUpdated: issued.issuedAt.toISOString(),
        Type: 'AWS-HMAC',
        AccessKeyId: issued.accessKeyId,
        SecretAccessKey: issued.secretAccessKey,
        Token: issued.sessionToken,
        Expiration: issued.expiresAt.toISOString(),
      })
    }
    case '/latest/dynamic/instance-identity/document':
      return JSON.stringify({
        instanceId: facts.instanceId,
        ...{ region, accountId, availabilityZone: facts.zone, privateIp: facts.address },
        ...{ instanceType: EMBEDDED_INSTANCE_TYPE, architecture: 'arm64', version: '2017-09-30' },
      })
    case '/latest/user-data':
      return facts.userData
    default:
      return null
  }
}

/**
 * The metadata service of all machines, version 2 alone (Amazon EC2 user guide, "Use IMDSv2"): who asks is known by the address
 * that the question comes from, and a token is good for the machine that took it.
 */
export const serveMetadata = async (input: {
  machineAt: (address: string) => Promise<MachineFacts | null>
  credentials: CredentialIssuer
}): Promise<{ close: () => Promise<void> }> => {
  const tokens = new Map<string, { instanceId: string; expiresAt: number }>()

  const giveToken = (message: IncomingMessage, { instanceId }: MachineFacts): Answer => {
    const ttl = Number(message.headers[TTL_HEADER])
    if (message.method !== 'PUT') return refuse(405)
    // A proxy that forwards what strangers send would add this header.
    if (message.headers['x-forwarded-for'] !== undefined) return refuse(403)
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > MAX_TTL_SECONDS) return refuse(400)
    const token = randomBytes(32).toString('base64url')
    tokens.set(token, { instanceId, expiresAt: Date.now() + ttl * 1000 })
    return { status: 200, body: token }
  }

  const answer = async (message: IncomingMessage): Promise<Answer> => {
    const facts = await input.machineAt(message.socket.remoteAddress ?? '')
    if (facts === null) return refuse(404)
    const path = message.url ?? '/'
    if (path === TOKEN_PATH) return giveToken(message, facts)
    if (message.method !== 'GET') return refuse(405)
    const token = tokens.get(String(message.headers[TOKEN_HEADER]))
    if (token === undefined || token.instanceId !== facts.instanceId || token.expiresAt < Date.now()) return refuse(401)
    const body = contentOf(path, facts, input.credentials)
    return body === null ? refuse(404) : { status: 200, body }
  }

  const server = createServer((message, response) => {
    message.resume()
    answer(message).then(
      ({ status, body }) => {
        response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) })
        response.end(body)
      },
      () => response.destroy(),
    )
  })
  server.listen(80, ADDRESSES.metadata)
  await once(server, 'listening')
  return {
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
