import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { CREDENTIAL_MAX_CHARACTERS } from '../../lambdas/contract/facts.ts'
import { intoSecret } from '../../lambdas/contract/text.ts'
import { parseJson } from '../../lambdas/core/json.ts'
import type { Logger } from '../../lambdas/core/logger.ts'

const CredentialText = z.pipe(z.string().check(z.minLength(1), z.maxLength(CREDENTIAL_MAX_CHARACTERS)), intoSecret)

const Credentials = z.strictObject({
  claudeCodeToken: z.optional(CredentialText),
  anthropicApiKey: z.optional(CredentialText),
  githubToken: z.optional(CredentialText),
  slackBotToken: z.optional(CredentialText),
  slackAppToken: z.optional(CredentialText),
})
export type Credentials = z.infer<typeof Credentials>

const openIfThere = (path: string): number | null => {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

const parseCredentials = (text: string): Credentials | null => {
  const json = parseJson(text)
  return json.ok ? (Credentials.safeParse(json.value).data ?? null) : null
}

/** What the tenant handed over, in the file that the supervisor replaces as a whole whenever it changes. */
export const createCredentialsFile = (path: string, logger: Logger) => {
  let stamp = ''
  let credentials: Credentials | null = null

  const load = (descriptor: number): void => {
    const { ino, mtimeNs, size } = fstatSync(descriptor, { bigint: true })
    const found = `${ino} ${mtimeNs} ${size}`
    if (found === stamp) return
    stamp = found
    credentials = parseCredentials(readFileSync(descriptor, 'utf8'))
    if (credentials === null) logger.error('the credentials file cannot be used')
    else logger.info('credentials were read', { count: Object.keys(credentials).length })
  }

  return {
    /** The credentials as they are now, or null: there is no file, or none that can be used. */
    read: (): Credentials | null => {
      const descriptor = openIfThere(path)
      if (descriptor === null) {
        stamp = ''
        return (credentials = null)
      }
      try {
        load(descriptor)
      } finally {
        closeSync(descriptor)
      }
      return credentials
    },
  }
}

export type CredentialsFile = ReturnType<typeof createCredentialsFile>
