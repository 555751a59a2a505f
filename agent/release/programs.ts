import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { extract } from 'tar'
import pinned from './programs.json' with { type: 'json' }
import type { Platform } from './release.ts'

type Program = (typeof pinned)[Platform][number]

/** Fetches one program's package with npm and takes it only with the digest that is written down here. */
const fetchProgram = async ({ name, package: wanted, path, integrity }: Program, cache: string): Promise<string> => {
  const program = join(cache, createHash('sha256').update(integrity).digest('hex').slice(0, 16), name)
  if (existsSync(program)) return program
  const folder = join(program, '..')
  mkdirSync(folder, { recursive: true })
  const packed: unknown = JSON.parse(
    execFileSync('npm', ['pack', wanted, '--json', '--pack-destination', folder], { encoding: 'utf8', stdio: 'pipe' }),
  )
  const [{ filename = '' } = {}]: { filename?: string }[] = Array.isArray(packed) ? packed : []
  const archive = join(folder, filename)
  const digest = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
  if (digest !== integrity) throw new Error(`${wanted} is not what programs.json says; nothing of it is used`)
  extract({ file: archive, cwd: folder, sync: true }, [path])
  renameSync(join(folder, path), program)
  return program
}

/**
 * The programs of a release by name: those pinned in `programs.json`, and what the operator put into `own` (such as gh). A
 * program that cannot be had is left out and told, except node, without which nothing runs.
 */
export const collectPrograms = async (input: {
  platform: Platform
  cache: string
  own: string
  say: (text: string) => void
}): Promise<Map<string, string>> => {
  const { platform, cache, own, say } = input
  const programs = new Map<string, string>()
  for (const program of pinned[platform]) {
    try {
      programs.set(program.name, await fetchProgram(program, cache))
    } catch (error) {
      if (program.name === 'node') throw error
      say(`${program.name} could not be had (${program.package}); agents will say that it is missing.`)
    }
  }
  if (existsSync(own)) for (const name of readdirSync(own)) programs.set(name, join(own, name))
  return programs
}
