import { randomBytes } from 'node:crypto'

/** What the metadata service hands out for the role of one machine. Whoever signs with it is that machine. */
export interface InstanceCredentials {
  instanceId: string
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
  issuedAt: Date
  expiresAt: Date
}

const LIFETIME_MILLISECONDS = 6 * 3_600_000
/** New ones are there before the old ones end (Amazon EC2 user guide, "Retrieve security credentials"). */
const RENEW_BEFORE_MILLISECONDS = 5 * 60_000

export const createCredentialIssuer = () => {
  const byKey = new Map<string, InstanceCredentials>()
  const current = new Map<string, InstanceCredentials>()

  const issue = (instanceId: string): InstanceCredentials => {
    const issuedAt = new Date()
    const issued = {
      instanceId,
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(120).toString('base64'),
      issuedAt,
      expiresAt: new Date(issuedAt.getTime() + LIFETIME_MILLISECONDS),
    }
    byKey.set(issued.accessKeyId, issued)
    current.set(instanceId, issued)
    return issued
  }

  return {
    for: (instanceId: string): InstanceCredentials => {
      const known = current.get(instanceId)
      const isFresh = known !== undefined && known.expiresAt.getTime() - Date.now() > RENEW_BEFORE_MILLISECONDS
      return isFresh ? known : issue(instanceId)
    },
    find: (accessKeyId: string): InstanceCredentials | null => byKey.get(accessKeyId) ?? null,
  }
}

export type CredentialIssuer = ReturnType<typeof createCredentialIssuer>
