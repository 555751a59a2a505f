import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { parseJson } from '../../lambdas/core/json.ts'
import { writeAtomically } from '../atomic-file.ts'
import type { Message } from './slack-message.ts'

const Record = z.strictObject({
  conversationId: z.uuid(),
  /** Whether Claude Code was ever started with this id. */
  begun: z.boolean(),
  /** The timestamps of the last messages that were taken, which are their ids within a channel. */
  taken: z.array(z.string()),
})
type Record = z.infer<typeof Record>

/** More than arrives in one thread while Slack still repeats an event. */
const TAKEN_KEPT = 200

/** The one conversation that belongs to a Slack thread. */
export interface Conversation {
  id: string
  /** Where the agent works for this thread. */
  folder: string
  /** Says whether Claude Code was started for it before, and notes that it is now. */
  begin: () => { isNew: boolean }
}

/** The name of a thread, also of its folder. */
export const threadOf = ({ teamId, channelId, threadTs }: Message): string => `${teamId}-${channelId}-${threadTs}`

const readRecord = (path: string): Record | null => {
  try {
    const json = parseJson(readFileSync(path, 'utf8'))
    return json.ok ? (Record.safeParse(json.value).data ?? null) : null
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** Which conversation belongs to which thread, and what was taken already: ids only, one file per thread. */
export const createConversations = (folder: string, newId: () => string) => ({
  /** The conversation to go on with, or null when this message was taken before. Written down before it is handed out. */
  take: (message: Message): Conversation | null => {
    const threadFolder = join(folder, threadOf(message))
    const path = join(threadFolder, 'conversation.json')
    const known = readRecord(path) ?? { conversationId: newId(), begun: false, taken: [] }
    if (known.taken.includes(message.ts)) return null
    const work = join(threadFolder, 'work')
    mkdirSync(work, { recursive: true, mode: 0o700 })
    writeAtomically(path, JSON.stringify({ ...known, taken: [...known.taken, message.ts].slice(-TAKEN_KEPT) }))
    return {
      id: known.conversationId,
      folder: work,
      begin: () => {
        const now = readRecord(path) ?? known
        if (!now.begun) writeAtomically(path, JSON.stringify({ ...now, begun: true }))
        return { isNew: !now.begun }
      },
    }
  },
})

export type Conversations = ReturnType<typeof createConversations>
