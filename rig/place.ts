import { mkdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where the rig keeps its files: the built root file system, the lock and, while it runs, the machines' disks. */
export const RIG_DIRECTORY = join(tmpdir(), 'vestibule-rig')
export const MACHINES_DIRECTORY = join(RIG_DIRECTORY, 'machines')
export const LOCK_FILE = join(RIG_DIRECTORY, 'lock')

/** Anybody may make folders in the system's temp folder: one that is not root's alone is not ours. */
export const claimDirectory = (): void => {
  mkdirSync(RIG_DIRECTORY, { recursive: true, mode: 0o700 })
  const { uid, mode } = statSync(RIG_DIRECTORY)
  if (uid !== 0 || (mode & 0o077) !== 0)
    throw new Error(`${RIG_DIRECTORY} is not root's alone (uid ${uid}, mode ${(mode & 0o777).toString(8)}): remove it`)
}

export const SITE_HOST = 'vestibule.rig'
export const SITE_ORIGIN = `https://${SITE_HOST}`

/** Addresses of the world outside the machines. Each machine has a small network of its own: 10.77.N.0/30. */
export const ADDRESSES = {
  /** Answers HTTPS for the site, for AWS and for Slack. */
  front: '10.77.0.1',
  /** The only place that security groups let support in from, as the Instance Connect endpoint is. */
  supportPath: '10.77.0.2',
  /** Anywhere else. */
  elsewhere: '10.77.0.3',
  metadata: '169.254.169.254',
} as const
