import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from './eventually.ts'

const OURS = 'vestibule-rig'

/** Where systemd keeps its own hierarchy: alone (version 2), or beside the controllers of version 1. */
const HIERARCHIES = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup'].filter((path) =>
  existsSync(join(path, 'cgroup.procs')),
)

const removeTree = (group: string): void => {
  for (const name of readdirSync(group)) {
    const path = join(group, name)
    if (statSync(path).isDirectory()) removeTree(path)
  }
  rmdirSync(group)
}

/** One group for each machine, or all would meet in the same one. */
export const createControlGroups = (id: string): string[] =>
  HIERARCHIES.map((hierarchy) => {
    const group = join(hierarchy, OURS, id)
    mkdirSync(group, { recursive: true })
    return group
  })

/** A group can go once the last of its processes is gone, which is a little after the machine. */
export const removeControlGroups = (id = ''): Promise<boolean> =>
  eventually(`the control groups of ${id || 'the rig'} are empty`, 10, async () => {
    for (const hierarchy of HIERARCHIES) {
      const group = join(hierarchy, OURS, id)
      if (existsSync(group)) removeTree(group)
    }
    return true
  })
