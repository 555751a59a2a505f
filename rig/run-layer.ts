import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADDRESSES, MACHINES_DIRECTORY } from './place.ts'
import { mustRun } from './program.ts'

const hostsFile = (hosts: readonly string[]): string =>
  ['127.0.0.1 localhost', ...hosts.map((host) => `${ADDRESSES.front} ${host}`), ''].join('\n')

/** The names that lead to the front, for programs of our own; only this mount namespace sees it. */
export const nameFrontHere = async (hosts: readonly string[]): Promise<void> => {
  const path = join(MACHINES_DIRECTORY, 'hosts')
  writeFileSync(path, hostsFile(hosts))
  await mustRun(['mount', '--bind', path, '/etc/hosts'])
}

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
  writeFileSync(join(root, 'etc/hosts'), hostsFile(hosts))
  await mustRun(['umount', root])
  return [written, image]
}
