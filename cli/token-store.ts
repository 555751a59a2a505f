import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { Secret } from '../lambdas/core/secret.ts'
import { Misuse } from './output.ts'

const Settings = z.object({ site: z.string(), token: z.string().optional() })
const SERVICE = 'vestibule'

/** A program that keeps secrets for this user, if the system has one. Tokens travel by standard input, never as arguments. */
interface Keychain {
  name: string
  write: (site: string, token: Secret) => boolean
  read: (site: string) => Secret | null
  remove: (site: string) => void
}

const run = (command: string, words: readonly string[], input = '') =>
  spawnSync(command, words, { input, encoding: 'utf8' })

const secretTool: Keychain = {
  name: 'the keyring (secret-tool)',
  write: (site, token) =>
    run('secret-tool', ['store', '--label', `Vestibule ${site}`, 'service', SERVICE, 'site', site], token.reveal())
      .status === 0,
  read: (site) => {
    const { status, stdout } = run('secret-tool', ['lookup', 'service', SERVICE, 'site', site])
    return status === 0 && stdout !== '' ? new Secret(stdout) : null
  },
  remove: (site) => void run('secret-tool', ['clear', 'service', SERVICE, 'site', site]),
}

const macKeychain: Keychain = {
  name: 'the keychain',
  write: (site, token) =>
    run('security', ['-i'], `add-generic-password -U -s ${SERVICE} -a ${site} -w ${token.reveal()}\n`).status === 0,
  read: (site) => {
    const { status, stdout } = run('security', ['find-generic-password', '-s', SERVICE, '-a', site, '-w'])
    return status === 0 && stdout.trim() !== '' ? new Secret(stdout.trim()) : null
  },
  remove: (site) => void run('security', ['delete-generic-password', '-s', SERVICE, '-a', site]),
}

const NONE: Keychain = { name: 'a file', write: () => false, read: () => null, remove: () => undefined }

/** The keychain of this system; none where there is no desktop that could open it. */
export const systemKeychain = (platform: string, env: Record<string, string | undefined>): Keychain => {
  if (platform === 'darwin') return macKeychain
  return env.DBUS_SESSION_BUS_ADDRESS === undefined ? NONE : secretTool
}

/**
 * Which site this user works with, and the token for it: in the system's keychain, else in a file that only they can read
 * (0600, in a folder of 0700).
 */
export const createTokenStore = (folder: string, keychain: Keychain) => {
  const path = join(folder, 'settings.json')

  const read = (): z.infer<typeof Settings> | null => {
    if (!existsSync(path)) return null
    try {
      return Settings.parse(JSON.parse(readFileSync(path, 'utf8')))
    } catch (cause) {
      throw new Misuse(`${path} cannot be read. Remove it with vestibule logout, then sign in again.`, { cause })
    }
  }

  const siteOnFile = (): string | null => {
    try {
      return read()?.site ?? null
    } catch (error) {
      if (error instanceof Misuse) return null
      throw error
    }
  }

  const write = (settings: z.infer<typeof Settings>): void => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    chmodSync(dirname(path), 0o700)
    const draft = `${path}.new`
    writeFileSync(draft, `${JSON.stringify(settings)}\n`, { mode: 0o600 })
    renameSync(draft, path)
  }

  return {
    /** Says where the token is kept from now on: the keychain only counts when it gives the token back. */
    save: (site: string, token: Secret): string => {
      const before = siteOnFile()
      if (before !== null && before !== site) keychain.remove(before)
      if (keychain.write(site, token) && keychain.read(site)?.reveal() === token.reveal()) {
        write({ site })
        return keychain.name
      }
      write({ site, token: token.reveal() })
      return path
    },
    load: (): { site: string; token: Secret | null } | null => {
      const settings = read()
      if (settings === null) return null
      const token = settings.token === undefined ? keychain.read(settings.site) : new Secret(settings.token)
      return { site: settings.site, token }
    },
    forget: (): void => {
      const site = siteOnFile()
      if (site !== null) keychain.remove(site)
      rmSync(path, { force: true })
    },
  }
}

export type TokenStore = ReturnType<typeof createTokenStore>
