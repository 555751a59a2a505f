import { eventually } from './eventually.ts'
import type { Rig } from './rig.ts'

const ANSWER_SECONDS = 30

let messages = 0

/** Asks the agent in Slack, in a new thread, and waits for what it posts there: from socket to process to answer. */
export const askAgent = async ({ slack }: Rig, text: string): Promise<string> => {
  messages += 1
  const ts = `${Math.floor(Date.now() / 1000)}.${String(messages).padStart(6, '0')}`
  slack.mention(text, ts)
  return eventually(`an answer to "${text.slice(0, 40)}"`, ANSWER_SECONDS, async () => {
    const post = slack.posts().find(({ thread }) => thread === ts)
    return post === undefined ? null : post.text
  })
}

/** What a command that the agent runs for its tenant ends with, under all that its unit forbids. */
export const askToRun = async (rig: Rig, command: string): Promise<{ status: number; output: string }> => {
  const answer = await askAgent(rig, `run ${command}`)
  const [, status, output = ''] = /^status (\d+)\n([^]*)$/.exec(answer) ?? []
  if (status === undefined) throw new Error(`the agent answered: ${answer.slice(0, 200)}`)
  return { status: Number(status), output }
}
