import { mkdirSync } from 'node:fs'
import * as z from 'zod/mini'
import { fail, ok, type Result } from '../../lambdas/core/result.ts'
import type { ChildOutcome, Children } from './child.ts'
import { createClaudeEnvironment } from './claude-environment.ts'
import type { Conversation } from './conversations.ts'
import type { Credentials } from './credentials-file.ts'

export type TurnFailure =
  | { reason: 'claude_missing' }
  | { reason: 'model_credential_missing' }
  | { reason: 'model_credential_refused' }
  | { reason: 'turn_timed_out' }
  | { reason: 'claude_failed' }
  | { reason: 'answer_unreadable' }

/** What `claude -p --output-format json` prints; the rest of it is figures. */
const Report = z.object({
  type: z.literal('result'),
  is_error: z.boolean(),
  result: z.optional(z.string()),
  api_error_status: z.nullish(z.number()),
})
type Report = z.infer<typeof Report>

/** The machine is the agent's own and its unit is what holds it, so it asks nobody's leave for a command. */
const ARGUMENTS = ['-p', '--output-format', 'json', '--dangerously-skip-permissions']

const REFUSED = [401, 403]

const readReport = (stdout: string): Report | null => {
  try {
    return Report.safeParse(JSON.parse(stdout)).data ?? null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

const judge = (outcome: ChildOutcome): Result<string, TurnFailure> => {
  if (outcome.reason === 'not_found') return fail({ reason: 'claude_missing' })
  if (outcome.reason === 'timed_out') return fail({ reason: 'turn_timed_out' })
  if (outcome.reason === 'output_too_long') return fail({ reason: 'answer_unreadable' })
  const report = readReport(outcome.stdout)
  if (report === null) return fail({ reason: outcome.code === 0 ? 'answer_unreadable' : 'claude_failed' })
  if (!report.is_error && report.result !== undefined) return ok(report.result)
  const isRefused = REFUSED.includes(report.api_error_status ?? 0)
  return fail({ reason: isRefused ? 'model_credential_refused' : 'claude_failed' })
}

interface ClaudeSettings {
  path: string
  home: string
  turnLimitMilliseconds: number
}

/** Claude Code without a screen: one process for each turn, the prompt on its standard input. */
export const createClaude = (children: Children, settings: ClaudeSettings) => {
  mkdirSync(settings.home, { recursive: true, mode: 0o700 })

  const runTurn = async (
    conversation: Conversation,
    prompt: string,
    credentials: Credentials,
  ): Promise<Result<string, TurnFailure>> => {
    const env = createClaudeEnvironment(credentials, settings)
    if (env === null) return fail({ reason: 'model_credential_missing' })
    const run = (choice: '--session-id' | '--resume') =>
      children.run({
        command: 'claude',
        args: [...ARGUMENTS, choice, conversation.id],
        env,
        folder: conversation.folder,
        input: prompt,
        limitMilliseconds: settings.turnLimitMilliseconds,
      })

    if (conversation.begin().isNew) return judge(await run('--session-id'))
    const resumed = await run('--resume')
    // Claude Code has nothing under this id: it never came so far, or has tidied it away after its 30 days. If it does have
    // something, it refuses to begin anew under the id, so that this cannot repeat a turn.
    const isUnknown = resumed.reason === 'ended' && resumed.code !== 0 && resumed.stdout === ''
    return judge(isUnknown ? await run('--session-id') : resumed)
  }

  return { runTurn }
}

export type Claude = ReturnType<typeof createClaude>
