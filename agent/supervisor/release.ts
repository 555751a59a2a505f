import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { sha256Hex } from '../../lambdas/core/digest.ts'
import { hashFile } from '../hash-file.ts'

/** The list of a release and its signature; they lie beside the files and are not in the list. */
const LIST = 'release.txt'
const SIGNATURE = 'release.sig'
const FILE_LINE = /^[0-9a-f]{64} {2}/

/**
 * Reads what is installed as it is now: the release's own list with each file's line made anew. Its SHA-256 is that of the
 * signed list as long as no file was changed, added or removed. A file is read again only when its size, times or inode
 * changed; who is not root can set none of a file's change time.
 */
export const createReleaseReader = (folder: string) => {
  const known = new Map<string, { stamp: string; digest: string }>()

  const lineOf = async (path: string): Promise<string> => {
    const at = join(folder, path)
    const { size, ino, mtimeMs, ctimeMs, mode } = await lstat(at)
    const stamp = [size, ino, mtimeMs, ctimeMs, mode].join(' ')
    const before = known.get(path)
    const isLink = (mode & 0o170_000) === 0o120_000
    const digest = before?.stamp === stamp ? before.digest : isLink ? sha256Hex(await readlink(at)) : await hashFile(at)
    known.set(path, { stamp, digest })
    return `${digest}  ${path}`
  }

  return async (): Promise<string> => {
    const list = await readFile(join(folder, LIST), 'utf8')
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const paths = entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .filter((path) => path !== LIST && path !== SIGNATURE)
      .toSorted()
    const head = list.split('\n').filter((line) => line !== '' && !FILE_LINE.test(line))
    const files: string[] = []
    for (const path of paths) files.push(await lineOf(path))
    return sha256Hex([...head, ...files, ''].join('\n'))
  }
}
