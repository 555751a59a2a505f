import { SocketModeClient } from '@slack/socket-mode'
import type { WebClientOptions } from '@slack/web-api'
import * as z from 'zod/mini'
import type { Secret } from '../../lambdas/core/secret.ts'

export const REQUEST_LIMIT_MILLISECONDS = 20_000
const HELLO_LIMIT_MILLISECONDS = 30_000
const GOODBYE_LIMIT_MILLISECONDS = 3000

const Envelope = z.object({
  type: z.string(),
  body: z.unknown(),
  ack: z.custom<() => Promise<void>>((value) => typeof value === 'function'),
})

interface SocketInput {
  appToken: Secret
  clientOptions: WebClientOptions
  /** Takes the body of an event, once it is acknowledged; not called for anything that came after `close`. */
  onEvent: (body: unknown) => void
  onAckFailed: (error: unknown) => void
}

const after = (milliseconds: number, task: () => void): (() => void) => {
  const timer = setTimeout(task, milliseconds)
  return () => clearTimeout(timer)
}

/**
 * One connection of Socket Mode, from asking for its address until it ends. Reconnecting is the caller's: the library's own would
 * leave a refused token as an unhandled rejection.
 */
export const createSlackSocket = ({ appToken, clientOptions, onEvent, onAckFailed }: SocketInput) => {
  const { logger, ...options } = clientOptions
  const client = new SocketModeClient({
    appToken: appToken.reveal(),
    autoReconnectEnabled: false,
    logger,
    clientOptions: { ...options, retryConfig: { retries: 0 }, rejectRateLimitedCalls: true },
  })
  let isClosing = false
  const ended = new Promise<void>((resolve) => void client.once('disconnected', () => resolve()))

  client.on('slack_event', (event: unknown) => {
    const envelope = Envelope.safeParse(event)
    // What is not acknowledged, Slack sends again: to the process that comes after this one.
    if (isClosing || !envelope.success) return
    envelope.data.ack().catch(onAckFailed)
    if (envelope.data.type === 'events_api') onEvent(envelope.data.body)
  })

  const close = async (): Promise<void> => {
    isClosing = true
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancel = after(GOODBYE_LIMIT_MILLISECONDS, resolve)
    await Promise.race([client.disconnect(), late])
    cancel()
  }

  return {
    /** Resolves when Slack has said hello; throws what stood in the way. */
    open: async (): Promise<void> => {
      const cancel = after(HELLO_LIMIT_MILLISECONDS, () => void client.disconnect())
      try {
        await client.start()
      } finally {
        cancel()
      }
      // It was closed while the library was still asking for the address, which it does not notice.
      if (isClosing) await close()
    },
    ended,
    close,
  }
}

export type SlackSocket = ReturnType<typeof createSlackSocket>
