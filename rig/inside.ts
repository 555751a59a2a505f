import { mkdirSync, rmSync } from 'node:fs'
import { CHAPTER_NAMES } from './chapter-names.ts'
import { burst } from './chapters/burst.ts'
import { credentials } from './chapters/credentials.ts'
import { journey } from './chapters/journey.ts'
import { lifecycle } from './chapters/lifecycle.ts'
import { machineInside } from './chapters/machine-inside.ts'
import { oneWay } from './chapters/one-way.ts'
import { proofs, takeExpiring } from './chapters/proofs.ts'
import { support } from './chapters/support.ts'
import { surroundings } from './chapters/surroundings.ts'
import { tampering } from './chapters/tampering.ts'
import { removeControlGroups } from './control-groups.ts'
import { openOutside } from './network.ts'
import { MACHINES_DIRECTORY } from './place.ts'
import { mustRun } from './program.ts'
import { createReport } from './report.ts'
import { openRig, type Rig } from './rig.ts'

/** The rig itself, as the first process of its own namespaces. Its argument is the machines' root file system. */

const EXIT_FAILED = 1
const EXIT_INTERRUPTED = 130

/** What a rig that was killed left: its processes, mounts and networks are gone with it, its files and groups are not. */
const sweep = async (): Promise<void> => {
  await removeControlGroups()
  rmSync(MACHINES_DIRECTORY, { recursive: true, force: true })
  mkdirSync(MACHINES_DIRECTORY, { recursive: true, mode: 0o700 })
}

const [, , image = '', ...named] = process.argv
const isWanted = (name: string): boolean => named.length === 0 || named.includes(name)

const runAgentChapters = async (rig: Rig): Promise<void> => {
  const agents = await journey(rig)
  const expiring = isWanted('proofs') ? await takeExpiring(agents) : null
  if (isWanted('machine-inside')) await machineInside(rig, agents)
  if (isWanted('one-way')) await oneWay(rig, agents)
  if (isWanted('credentials')) await credentials(rig, agents)
  if (isWanted('support')) await support(rig, agents)
  if (expiring !== null) await proofs(rig, agents, expiring)
  if (isWanted('tampering')) await tampering(rig, agents)
  if (isWanted('lifecycle')) await lifecycle(rig, agents)
}

const runChapters = async (rig: Rig): Promise<void> => {
  if (isWanted('surroundings')) await surroundings(rig)
  if (CHAPTER_NAMES.some((name) => isWanted(name) && !['surroundings', 'burst'].includes(name)))
    await runAgentChapters(rig)
  if (isWanted('burst')) await burst(rig.report)
}

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
  await runChapters(rig)
} catch (error) {
  await report.check('the run comes to its end', () => Promise.reject(error))
}
await end(report.close() ? 0 : EXIT_FAILED)
