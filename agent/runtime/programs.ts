import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { AgentNotice } from '../../lambdas/contract/instance.ts'

const NOTICES = { claude: 'claude_missing', git: 'git_missing', gh: 'gh_missing' } as const satisfies Record<
  string,
  AgentNotice
>

const canRun = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}

/** A notice for each program of the agent that is in no folder of `path`. */
export const findMissingPrograms = (path: string): AgentNotice[] =>
  Object.entries(NOTICES)
    .filter(([program]) => !path.split(delimiter).some((folder) => canRun(join(folder, program))))
    .map(([, notice]) => notice)
