import { mkdirSync, rmSync } from 'node:fs'
import { removeControlGroups } from './control-groups.ts'
import { openOutside } from './network.ts'
import { MACHINES_DIRECTORY } from './place.ts'
import { mustRun } from './program.ts'
import { createReport } from './report.ts'
import { openRig } from './rig.ts'
import { surroundings } from './chapters/surroundings.ts'

/** The rig itself, as the first process of its own namespaces. Its argument is the machines' root file system. */

const EXIT_FAILED = 1
const EXIT_INTERRUPTED = 130

/** What a rig that was killed left: its processes, mounts and networks are gone with it, its files and groups are not. */
const sweep = async (): Promise<void> => {
  await removeControlGroups()
  rmSync(MACHINES_DIRECTORY, { recursive: true, force: true })
  mkdirSync(MACHINES_DIRECTORY, { recursive: true, mode: 0o700 })
}

const [, , image = ''] = process.argv
const report = createReport()
await sweep()
// systemd-nspawn and ip leave files in /run: here, in one that goes with us.
await mustRun(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run'])
mkdirSync('/run/netns')
await openOutside()
const rig = await openRig(image, report)

const end = async (status: number): Promise<never> => {
  await rig.close()
  await sweep()
  process.exit(status)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void end(EXIT_INTERRUPTED))

try {
  await surroundings(rig)
} catch (error) {
  await report.check('the run comes to its end', () => Promise.reject(error))
}
await end(report.close() ? 0 : EXIT_FAILED)
