import * as z from 'zod/mini'

/** Ids become parts of folder names, so what they may hold is checked here. */
const SlackId = z.string().check(z.regex(/^[A-Z0-9]{1,32}$/))
const Timestamp = z.string().check(z.regex(/^\d{1,16}\.\d{1,10}$/))

const EventBody = z.object({
  team_id: SlackId,
  is_ext_shared_channel: z.optional(z.boolean()),
  event: z.object({
    type: z.enum(['app_mention', 'message']),
    channel: SlackId,
    channel_type: z.optional(z.string()),
    user: SlackId,
    text: z.string(),
    ts: Timestamp,
    thread_ts: z.optional(Timestamp),
    subtype: z.optional(z.enum(['file_share', 'thread_broadcast'])),
    bot_id: z.optional(z.undefined()),
    edited: z.optional(z.undefined()),
    team: z.optional(SlackId),
    user_team: z.optional(SlackId),
  }),
})

/** Who we are in a workspace, as `auth.test` says. */
export interface SlackIdentity {
  teamId: string
  userId: string
}

/** One thing that a person asks of the agent. */
export interface Message {
  teamId: string
  channelId: string
  /** The message that the thread hangs on; the message itself when it begins one. */
  threadTs: string
  ts: string
  text: string
}

const ENTITIES: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&amp;': '&' }

const toPlainText = (text: string, userId: string): string =>
  text
    .replaceAll(`<@${userId}>`, '')
    .replaceAll(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity] ?? entity)
    .trim()

/**
 * The message in the body of a Slack event, or null when it is none for the agent: another event, a bot's or its own message, an
 * edit, a message to others, or one from outside: in a channel shared with another company only the agent's own people count.
 */
export const parseMessage = (body: unknown, identity: SlackIdentity): Message | null => {
  const parsed = EventBody.safeParse(body)
  if (!parsed.success) return null
  const { team_id: teamId, is_ext_shared_channel: isShared = false, event } = parsed.data
  const isForUs = event.type === 'app_mention' || event.channel_type === 'im'
  const isOutsider = isShared && (event.user_team ?? event.team) !== identity.teamId
  if (!isForUs || isOutsider || event.user === identity.userId) return null
  return {
    teamId,
    channelId: event.channel,
    threadTs: event.thread_ts ?? event.ts,
    ts: event.ts,
    text: toPlainText(event.text, identity.userId),
  }
}
