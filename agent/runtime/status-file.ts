import type { AgentNotice } from '../../lambdas/contract/instance.ts'
import { writeAtomically } from '../atomic-file.ts'

/** What the supervisor passes on to the control plane. */
export interface RuntimeStatus {
  /** Credentials were read, and Slack, if it is wanted, has taken or refused them. */
  ready: boolean
  notices: AgentNotice[]
}

/** Tells the supervisor, in a file that is replaced only when there is something new to say. */
export const createStatusFile = (path: string) => {
  let written = ''
  return {
    write: (status: RuntimeStatus): void => {
      const text = `${JSON.stringify(status)}\n`
      if (text === written) return
      writeAtomically(path, text)
      written = text
    },
  }
}
