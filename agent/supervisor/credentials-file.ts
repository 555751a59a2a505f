import { chmod, chown, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Secret } from '../../lambdas/core/secret.ts'

/** By kind, as the tenant gave them. */
export type Credentials = ReadonlyMap<string, Secret>

/**
 * The agent's credentials as a file in memory. Folder: root's, so that nobody else can put anything there; file: the agent's
 * alone (0600). A change replaces the file as a whole, so a reader sees the old one or the new one.
 */
export const createCredentialsFile = (input: { folder: string; owner: { uid: number; gid: number } }) => {
  const { folder, owner } = input
  const path = join(folder, 'credentials.json')
  return {
    path,

    write: async (credentials: Credentials): Promise<void> => {
      await mkdir(folder, { recursive: true })
      await chmod(folder, 0o750)
      await chown(folder, process.getuid?.() ?? 0, owner.gid)
      const fresh = `${path}.new`
      const values = Object.fromEntries([...credentials].map(([kind, value]) => [kind, value.reveal()]))
      await writeFile(fresh, JSON.stringify(values), { mode: 0o600 })
      await chown(fresh, owner.uid, owner.gid)
      await rename(fresh, path)
    },

    forget: () => rm(folder, { recursive: true, force: true }),
  }
}
