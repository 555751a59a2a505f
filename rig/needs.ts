import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the rig calls, and the Debian package that brings it. */
const PROGRAMS = {
  mmdebstrap: 'mmdebstrap',
  'systemd-nspawn': 'systemd-container',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  ip: 'iproute2',
  nft: 'nftables',
  openssl: 'openssl',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  flock: 'util-linux',
} as const

const PLACES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

const isInstalled = (program: string): boolean =>
  PLACES.some((place) => {
    try {
      accessSync(join(place, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const isDebian = (): boolean =>
  existsSync('/etc/os-release') && /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'))

/** What is missing to run the rig here, each with the way to get it; empty when nothing is. */
export const listMissing = (): string[] => {
  const missing = Object.entries(PROGRAMS).filter(([program]) => !isInstalled(program))
  const packages = [...new Set(missing.map(([, name]) => name))]
  return [
    ...(process.platform === 'linux' && isDebian() ? [] : ['Debian: the machines are made from its packages.']),
    ...(process.getuid?.() === 0 ? [] : ['root: namespaces, mounts and rules are made. sudo -E npm run rig']),
    ...(existsSync('/proc/filesystems') && /\boverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'))
      ? []
      : ['the overlay file system: modprobe overlay']),
    ...(packages.length === 0
      ? []
      : [
          `${missing.map(([program]) => program).join(', ')}: apt-get install --no-install-recommends ${packages.join(' ')}`,
        ]),
  ]
}
