import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { create } from 'tar'
import { sha256Hex } from '../../lambdas/core/digest.ts'
import { hashFile } from '../hash-file.ts'

/** What machines can be. */
export const PLATFORMS = ['linux-arm64', 'linux-x64'] as const
export type Platform = (typeof PLATFORMS)[number]

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ENTRIES = { supervisor: 'agent/supervisor/main.ts', runtime: 'agent/runtime/main.ts' }
const UNITS = join(ROOT, 'agent/units')
const LIST = 'release.txt'
const BUNDLE = 'bundle.tar.gz'

/** A release, ready to be signed and uploaded. */
export interface Release {
  /** The SHA-256 of its list: what machines are told to install. */
  id: string
  /** The folder that holds `release.txt` and `bundle.tar.gz`. */
  folder: string
}

/** Both programs of ours, each one file with all its packages inside. */
const bundleCode = async (into: string): Promise<void> => {
  for (const [name, input] of Object.entries(ENTRIES)) {
    const build = await rolldown({
      cwd: ROOT,
      input: { [name]: input },
      platform: 'node',
      resolve: { mainFields: ['module', 'main'] },
      logLevel: 'warn',
    })
    await build.write({
      dir: into,
      format: 'esm',
      entryFileNames: '[name].mjs',
      codeSplitting: false,
    })
    await build.close()
  }
}

const put = (from: string, to: string, mode: number): void => {
  copyFileSync(from, to)
  chmodSync(to, mode)
}

const listFiles = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted()

/**
 * Makes a release: our two programs, their units, and the programs given by name, as one archive and the list that says what
 * must be in it, file by file. The same input makes the same release. Symbolic links are not in it and none are followed.
 */
export const buildRelease = async (input: {
  platform: Platform
  version: string
  /** By the name that they have on the machine; `node` must be among them. */
  programs: ReadonlyMap<string, string>
  into: string
}): Promise<Release> => {
  const { platform, version, programs, into } = input
  if (!programs.has('node')) throw new Error('a release needs node; give its path among the programs')
  const files = join(into, 'files')
  rmSync(into, { recursive: true, force: true })
  mkdirSync(join(files, 'bin'), { recursive: true })
  mkdirSync(join(files, 'units'))
  await bundleCode(files)
  for (const unit of readdirSync(UNITS)) put(join(UNITS, unit), join(files, 'units', unit), 0o644)
  put(join(ROOT, 'agent/release/install-tools'), join(files, 'install-tools'), 0o755)
  for (const [name, path] of programs) put(path, join(files, 'bin', basename(name)), 0o755)

  const paths = listFiles(files)
  const bundle = join(into, BUNDLE)
  create(
    { cwd: files, file: bundle, gzip: true, portable: true, mtime: new Date(0), noDirRecurse: true, sync: true },
    paths,
  )
  const lines = [`vestibule-agent ${version} ${platform}`, `bundle ${await hashFile(bundle)}`]
  for (const path of paths) lines.push(`${await hashFile(join(files, path))}  ${path}`)
  const list = `${lines.join('\n')}\n`
  writeFileSync(join(into, LIST), list)
  rmSync(files, { recursive: true })
  return { id: sha256Hex(list), folder: into }
}
