import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, open, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import * as z from 'zod/mini'
import { AgentNotice } from '../../lambdas/contract/instance.ts'

const execute = promisify(execFile)

const COMMAND_MILLISECONDS = 30_000
const OUTPUT_BYTES = 4 * 1024 * 1024
const STATUS_BYTES = 4096

/** The machine's own metadata address (Amazon EC2 user guide, "Instance metadata"), for everybody but root. */
const METADATA_RULE = ['to', '169.254.169.254', 'uidrange', '1-4294967294', 'prohibit']

/** What the agent's process says of itself. */
const AgentStatus = z.object({ ready: z.boolean(), notices: z.array(AgentNotice).check(z.maxLength(8)) })
export type AgentStatus = z.infer<typeof AgentStatus>

/** Runs a program to its end and gives what it printed. Throws when it ends with another status than 0. */
export const run = async (program: string, words: readonly string[]): Promise<string> => {
  const { stdout } = await execute(program, [...words], { timeout: COMMAND_MILLISECONDS, maxBuffer: OUTPUT_BYTES })
  return stdout
}

/** True when the program ends with 0; for programs that answer by their status. */
export const holds = async (program: string, words: readonly string[]): Promise<boolean> => {
  try {
    await run(program, words)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') return false
    throw error
  }
}

export const systemctl = (...words: string[]): Promise<string> => run('systemctl', words)

export const isActive = (unit: string): Promise<boolean> => holds('systemctl', ['is-active', '--quiet', unit])

/** Null when there is no such file. */
export const readIfThere = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/**
 * Sees to it that only root reaches the machine's own credentials. Throws when that cannot be had: then nothing may run that
 * is not root.
 */
export const forbidMetadata = async (): Promise<void> => {
  const rules = await run('ip', ['rule', 'show'])
  if (!rules.includes(METADATA_RULE.join(' '))) await run('ip', ['rule', 'add', ...METADATA_RULE])
}

/** Who a user is, by number. Throws when there is no such user. */
export const ownerOf = async (user: string): Promise<{ uid: number; gid: number }> => ({
  uid: Number(await run('id', ['-u', user])),
  gid: Number(await run('id', ['-g', user])),
})

/**
 * What the agent's process last said; null when it said nothing that can be read. The file is the agent's own: a link in its
 * place is not followed.
 */
export const readAgentStatus = async (path: string): Promise<AgentStatus | null> => {
  try {
    await access(path)
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(STATUS_BYTES), 0, STATUS_BYTES, 0)
      const status = AgentStatus.safeParse(JSON.parse(buffer.toString('utf8', 0, bytesRead)))
      return status.success ? status.data : null
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return null
    throw error
  }
}
