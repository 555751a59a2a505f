import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADDRESSES, MACHINES_DIRECTORY } from './place.ts'
import { mustRun } from './program.ts'

/**
 * What all machines of one run have beyond the image: trust in the front's authority, and the names that lead to the front.
 * Returns the layers of a machine's disk, the upper first.
 */
export const createRunLayer = async (image: string, authority: string, hosts: readonly string[]): Promise<string[]> => {
  const directory = join(MACHINES_DIRECTORY, 'run')
  const [written = '', work = '', root = ''] = ['written', 'work', 'root'].map((name) => join(directory, name))
  for (const path of [written, work, root]) mkdirSync(path, { recursive: true })
  const options = `lowerdir=${image},upperdir=${written},workdir=${work}`
  await mustRun(['mount', '-t', 'overlay', 'overlay', '-o', options, root])
  writeFileSync(join(root, 'usr/local/share/ca-certificates/rig.crt'), authority)
  await mustRun(['chroot', root, 'update-ca-certificates'])
  const names = hosts.map((host) => `${ADDRESSES.front} ${host}\n`).join('')
  writeFileSync(join(root, 'etc/hosts'), `127.0.0.1 localhost\n${names}`)
  await mustRun(['umount', root])
  return [written, image]
}
