import * as z from 'zod/mini'
import type { SupportSessionReport } from '../../lambdas/contract/instance.ts'
import { sha256Hex } from '../../lambdas/core/digest.ts'

/** Pure: no I/O, no clock. Support sessions as sshd's own log tells of them. */

/** One line of `journalctl --output=json` (systemd, "Journal JSON Format"); a message that is not text is an array. */
const JournalEntry = z.object({
  __CURSOR: z.string(),
  __REALTIME_TIMESTAMP: z.string(),
  _PID: z.string(),
  _UID: z.string(),
  MESSAGE: z.string(),
})
export type JournalEntry = z.infer<typeof JournalEntry>

/** What is kept over restarts: how far the log was read, and which sessions were open then, in which boot. */
export const SessionMemory = z.object({
  cursor: z.optional(z.string()),
  bootId: z.string(),
  open: z.record(z.string(), z.object({ id: z.string(), serial: z.string() })),
})
export type SessionMemory = z.infer<typeof SessionMemory>

/** OpenSSH at LogLevel VERBOSE, sshd(8): who came in, with the certificate's id and serial number. */
const ACCEPTED = /^Accepted publickey for \S+ from \S+ port \d+ ssh2: \S+-CERT \S+ ID .* \(serial (\d{1,20})\) CA /

/** Entries in the journal's order; lines that are none are left out, such as those whose message is not text. */
export const parseJournal = (text: string): JournalEntry[] =>
  text.split('\n').flatMap((line) => {
    if (line === '') return []
    const entry = JournalEntry.safeParse(JSON.parse(line))
    return entry.success ? [entry.data] : []
  })

/** The most that one heartbeat carries (the contract); the rest is told with the next. */
const MAX_REPORTS = 20

/**
 * What is new since `memory`: sessions that were opened, by the entries, and sessions whose process is gone. Entries that were
 * not written by root are not believed: whoever is logged in can write lines, but not as root.
 */
export const readSessions = (
  memory: SessionMemory,
  entries: readonly JournalEntry[],
  now: { bootId: string; at: Date; isAlive: (pid: string) => boolean },
): { memory: SessionMemory; reports: SupportSessionReport[] } => {
  const reports: SupportSessionReport[] = []
  const open = new Map(Object.entries(memory.open))
  let { cursor } = memory
  for (const entry of entries) {
    if (reports.length === MAX_REPORTS) break
    cursor = entry.__CURSOR
    const [, serial] = (entry._UID === '0' ? ACCEPTED.exec(entry.MESSAGE) : null) ?? []
    if (serial === undefined) continue
    const id = sha256Hex(entry.__CURSOR)
    const at = new Date(Number(entry.__REALTIME_TIMESTAMP) / 1000).toISOString()
    reports.push({ id, event: 'opened', serial, at })
    open.set(entry._PID, { id, serial })
  }
  for (const [pid, { id, serial }] of open) {
    if (reports.length === MAX_REPORTS || (memory.bootId === now.bootId && now.isAlive(pid))) continue
    open.delete(pid)
    reports.push({ id: sha256Hex(`${id} closed`), event: 'closed', serial, at: now.at.toISOString() })
  }
  return { memory: { cursor, bootId: now.bootId, open: Object.fromEntries(open) }, reports }
}
