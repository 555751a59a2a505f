import type { Clock } from '../../lambdas/core/clock.ts'
import type { Logger } from '../../lambdas/core/logger.ts'
import type { Claude } from './claude.ts'
import type { Conversation } from './conversations.ts'
import type { CredentialsFile } from './credentials-file.ts'
import { hideCredentials } from './hide-credentials.ts'
import { NOTHING_ASKED, STOPPING, toSentence } from './sentences.ts'
import type { Slack } from './slack.ts'
import type { Message } from './slack-message.ts'

interface AnswerDeps {
  credentials: CredentialsFile
  claude: Claude
  slack: Slack
  clock: Clock
  logger: Logger
}

/** One turn: what the thread was asked, through Claude Code, with the credentials of this moment. Returns what to say in the thread. */
const takeTurn = async (deps: AnswerDeps, conversation: Conversation, message: Message): Promise<string> => {
  const startedAt = deps.clock.now()
  const credentials = deps.credentials.read() ?? {}
  const answer = await deps.claude.runTurn(conversation, message.text, credentials)
  const fields = {
    conversationId: conversation.id,
    durationMilliseconds: deps.clock.now().getTime() - startedAt.getTime(),
  }
  if (answer.ok) {
    deps.logger.info('a turn was answered', fields)
    return hideCredentials(answer.value, credentials)
  }
  deps.logger.warn('a turn failed', { ...fields, reason: answer.failure.reason })
  return toSentence(answer.failure)
}

/** Answers one message in its thread; the answer to a failure is a sentence that names it. */
export const answerMessage = async (
  deps: AnswerDeps,
  conversation: Conversation,
  message: Message,
  isStopping: boolean,
): Promise<void> => {
  if (isStopping) return deps.slack.post(message, STOPPING)
  if (message.text === '') return deps.slack.post(message, NOTHING_ASKED)
  const showDone = deps.slack.showWorking(message)
  try {
    const text = await takeTurn(deps, conversation, message)
    await showDone()
    await deps.slack.post(message, text)
  } finally {
    await showDone()
  }
}
