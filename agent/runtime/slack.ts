import type { WebClient } from '@slack/web-api'
import type { Credentials } from './credentials-file.ts'
import { NO_WORDS, WORKING, WORKING_MESSAGE } from './sentences.ts'
import { openSlackConnection, type SlackConnection, type SlackDeps, type SlackTokens } from './slack-connection.ts'
import { isRefusal, toLogFields } from './slack-errors.ts'
import type { Message } from './slack-message.ts'
import { splitAnswer } from './split-answer.ts'

/** Slack takes a status away after two minutes (Slack Web API reference, assistant.threads.setStatus). */
const SIGN_EVERY_MILLISECONDS = 100_000

const toTokens = (credentials: Credentials | null): SlackTokens | null =>
  credentials?.slackBotToken === undefined || credentials.slackAppToken === undefined
    ? null
    : { botToken: credentials.slackBotToken, appToken: credentials.slackAppToken }

const areSame = (one: SlackTokens | null, other: SlackTokens | null): boolean =>
  one?.botToken.reveal() === other?.botToken.reveal() && one?.appToken.reveal() === other?.appToken.reveal()

const inThread = ({ channelId, threadTs }: Message) => ({ channel: channelId, thread_ts: threadTs })

/** Slack, as far as the tenant's tokens reach: messages in, answers out. Follows the tokens when they are replaced. */
export const createSlack = (deps: SlackDeps) => {
  let tokens: SlackTokens | null = null
  let connection: SlackConnection | null = null

  const close = async (): Promise<void> => {
    await connection?.close()
  }

  /** Whether Slack took it. What it did not take is logged, without a word of it. */
  const call = async (what: string, task: (web: WebClient) => Promise<unknown>, isVital: boolean): Promise<boolean> => {
    const used = connection
    if (used === null) return false
    try {
      await task(used.web)
      return true
    } catch (error) {
      deps.logger.warn(what, toLogFields(error))
      if (isVital && isRefusal(error)) used.refuse(error)
      return false
    }
  }

  const postPiece = (message: Message, piece: string): Promise<boolean> =>
    call(
      'an answer was not delivered',
      (web) =>
        web.chat.postMessage({
          ...inThread(message),
          markdown_text: piece,
          unfurl_links: false,
          unfurl_media: false,
        }),
      true,
    )

  const post = async (message: Message, answer: string): Promise<void> => {
    const text = answer.trim() === '' ? NO_WORDS : answer
    for (const piece of splitAnswer(text)) if (!(await postPiece(message, piece))) return
  }

  const showStatus = (message: Message): Promise<boolean> =>
    call(
      'Slack took no status',
      (web) =>
        web.assistant.threads.setStatus({
          channel_id: message.channelId,
          thread_ts: message.threadTs,
          status: WORKING,
        }),
      false,
    )

  return {
    /** Connects with the tokens in these credentials; keeps the connection when they are still the same. */
    follow: (credentials: Credentials | null): void => {
      const wanted = toTokens(credentials)
      if (areSame(tokens, wanted)) return
      close().catch((error: unknown) => deps.logger.warn('Slack connection did not close', toLogFields(error)))
      tokens = wanted
      connection = wanted === null ? null : openSlackConnection(wanted, deps)
    },
    /** Stops receiving. Answers can still be posted. */
    close,
    state: () => connection?.state() ?? 'unwanted',
    /** Posts in the message's thread, in as many pieces as it takes. */
    post,
    /** Shows that the agent is at work until the function that it returns is called. */
    showWorking: (message: Message): (() => Promise<void>) => {
      const shown = showStatus(message).then((isShown) => (isShown ? undefined : post(message, WORKING_MESSAGE)))
      const timer = setInterval(() => void showStatus(message), SIGN_EVERY_MILLISECONDS)
      return async () => {
        clearInterval(timer)
        await shown
      }
    },
  }
}

export type Slack = ReturnType<typeof createSlack>
