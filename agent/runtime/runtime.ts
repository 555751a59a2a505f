import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../lambdas/core/clock.ts'
import { createKeyedMutex } from '../../lambdas/core/keyed-mutex.ts'
import { type Logger, whereThrown } from '../../lambdas/core/logger.ts'
import type { Random } from '../../lambdas/core/random.ts'
import { answerMessage } from './answer-message.ts'
import { createChildren } from './child.ts'
import { createClaude } from './claude.ts'
import { createConversations, threadOf } from './conversations.ts'
import { createCredentialsFile } from './credentials-file.ts'
import { findMissingPrograms } from './programs.ts'
import { WENT_WRONG } from './sentences.ts'
import { createSlack } from './slack.ts'
import type { Message } from './slack-message.ts'
import { createSlots } from './slots.ts'
import { createStatusFile } from './status-file.ts'

/** Where this process finds what it is given, and where it may write. */
export interface RuntimePlaces {
  credentialsFile: string
  statusFile: string
  stateFolder: string
  /** Where programs are looked for, as in PATH. */
  path: string
}

export interface RuntimeLimits {
  slackApiUrl: string
  slackRetry: { baseMilliseconds: number; capMilliseconds: number }
  /** How often the credentials and the programs are looked at. */
  lookEveryMilliseconds: number
  turnLimitMilliseconds: number
  turnsAtOnce: number
}

export interface RuntimeDeps {
  clock: Clock
  random: Random
  logger: Logger
  newId: () => string
}

/** The tenant's agent: listens in Slack, thinks with Claude Code, and says in its status file how it is. */
export const startRuntime = (places: RuntimePlaces, limits: RuntimeLimits, deps: RuntimeDeps) => {
  const threadsFolder = join(places.stateFolder, 'threads')
  mkdirSync(threadsFolder, { recursive: true, mode: 0o700 })
  const { logger } = deps
  const credentials = createCredentialsFile(places.credentialsFile, logger)
  const status = createStatusFile(places.statusFile)
  const children = createChildren()
  const claude = createClaude(children, {
    path: places.path,
    home: join(places.stateFolder, 'home'),
    turnLimitMilliseconds: limits.turnLimitMilliseconds,
  })
  const conversations = createConversations(threadsFolder, deps.newId)
  const inOrder = createKeyedMutex()
  const inSlot = createSlots(limits.turnsAtOnce)
  const accepted = new Set<Promise<void>>()
  let isStopping = false

  const accept = async (message: Message): Promise<void> => {
    const conversation = conversations.take(message)
    if (conversation === null) return
    await inOrder(threadOf(message), () =>
      inSlot(() => answerMessage({ ...deps, credentials, claude, slack }, conversation, message, isStopping)),
    )
  }

  const apologise = async (message: Message, error: unknown): Promise<void> => {
    const errorName = error instanceof Error ? error.name : 'unknown'
    logger.error('a message was not dealt with', { errorName, where: whereThrown(error) })
    await slack.post(message, WENT_WRONG)
  }

  const slack = createSlack({
    ...deps,
    apiUrl: limits.slackApiUrl,
    retry: limits.slackRetry,
    onMessage: (message) => {
      const dealtWith = accept(message).catch((error: unknown) => apologise(message, error))
      accepted.add(dealtWith)
      void dealtWith.then(() => accepted.delete(dealtWith))
    },
    onChange: () => report(),
  })

  const report = (): void => {
    const state = slack.state()
    status.write({
      ready: credentials.read() !== null && state !== 'connecting',
      notices: [...findMissingPrograms(places.path), ...(state === 'refused' ? (['slack_refused'] as const) : [])],
    })
  }

  const look = (): void => {
    slack.follow(credentials.read())
    report()
  }

  look()
  const timer = setInterval(look, limits.lookEveryMilliseconds)

  return {
    /** Takes nothing new; resolves when the turns under way are answered and those that waited have been told. */
    drain: async (): Promise<void> => {
      isStopping = true
      clearInterval(timer)
      await slack.close()
      logger.info('finishing the turns under way', { count: accepted.size })
      await Promise.all(accepted)
    },
    /** Ends the turns under way. */
    abandon: (): void => children.killAll(),
  }
}

export type Runtime = ReturnType<typeof startRuntime>
