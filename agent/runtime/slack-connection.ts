import { WebClient, type WebClientOptions } from '@slack/web-api'
import { pauseWithJitter } from '../../lambdas/core/backoff.ts'
import type { Logger } from '../../lambdas/core/logger.ts'
import type { Random } from '../../lambdas/core/random.ts'
import type { Secret } from '../../lambdas/core/secret.ts'
import { isRefusal, toLogFields } from './slack-errors.ts'
import { createSlackLogger } from './slack-logger.ts'
import { type Message, parseMessage } from './slack-message.ts'
import { createSlackSocket, REQUEST_LIMIT_MILLISECONDS, type SlackSocket } from './slack-socket.ts'

export interface SlackTokens {
  botToken: Secret
  appToken: Secret
}

export type SlackState = 'connecting' | 'connected' | 'refused'

export interface SlackDeps {
  apiUrl: string
  retry: { baseMilliseconds: number; capMilliseconds: number }
  logger: Logger
  random: Random
  onMessage: (message: Message) => void
  onChange: () => void
}

/** Slack is reached again after any trouble but a refused token: that one waits until it is replaced. */
export const openSlackConnection = ({ botToken, appToken }: SlackTokens, deps: SlackDeps) => {
  const clientOptions: WebClientOptions = {
    slackApiUrl: deps.apiUrl,
    logger: createSlackLogger(deps.logger),
    timeout: REQUEST_LIMIT_MILLISECONDS,
    retryConfig: { retries: 5 },
  }
  const web = new WebClient(botToken.reveal(), clientOptions)
  let state: SlackState = 'connecting'
  const closing = new AbortController()
  let socket: SlackSocket | null = null

  const enter = (next: SlackState): void => {
    if (state === next || state === 'refused') return
    state = next
    deps.logger.info('Slack connection changed', { reason: next })
    deps.onChange()
  }

  const close = async (): Promise<void> => {
    closing.abort()
    await socket?.close()
  }

  const refuse = (error: unknown): void => {
    deps.logger.warn('Slack refused a token', toLogFields(error))
    enter('refused')
    close().catch((reason: unknown) => deps.logger.warn('Slack connection did not close', toLogFields(reason)))
  }

  const connect = async (): Promise<void> => {
    const { team_id: teamId = '', user_id: userId = '' } = await web.auth.test()
    if (closing.signal.aborted) return
    socket = createSlackSocket({
      appToken,
      clientOptions,
      onAckFailed: (error) => deps.logger.warn('an event was not acknowledged', toLogFields(error)),
      onEvent: (body) => {
        const message = parseMessage(body, { teamId, userId })
        if (message !== null) deps.onMessage(message)
      },
    })
    await socket.open()
    if (!closing.signal.aborted) enter('connected')
  }

  const tryToConnect = async (attempt: number): Promise<boolean> => {
    try {
      await connect()
      return true
    } catch (error) {
      if (isRefusal(error)) refuse(error)
      else deps.logger.warn('Slack could not be reached', { ...toLogFields(error), attempt })
      return false
    }
  }

  const stayConnected = async (): Promise<void> => {
    let failures = 0
    while (!closing.signal.aborted) {
      const isConnected = await tryToConnect(failures + 1)
      if (isConnected) await socket?.ended
      failures = isConnected ? 0 : failures + 1
      if (!closing.signal.aborted) await pauseWithJitter(deps.random, failures, deps.retry)
    }
  }
  void stayConnected()

  return {
    web,
    refuse,
    close,
    /** Once connected it stays so here while the connection is being renewed. */
    state: () => state,
  }
}

export type SlackConnection = ReturnType<typeof openSlackConnection>
