import { interleaveLaunches, interleaveMerges } from './interleavings-agents.ts'
import { interleaveInvites, interleaveRevocations } from './interleavings-people.ts'
import { runModel } from './model.ts'

/** The stories whose schedules are explored, by the name that a replay begins with. */
export const STORIES = {
  invite: interleaveInvites,
  revocation: interleaveRevocations,
  merge: interleaveMerges,
  launch: interleaveLaunches,
} as const

const isStory = (name: string): name is keyof typeof STORIES => name in STORIES

/**
 * Does once more what a violation names: `<story>:<seed>:<path>` for a schedule, `model:<seed>:<commands>` for a run of commands,
 * which is then cut down to as few as break the rule. Returns what was violated.
 */
export const replay = async (text: string, { faultRate }: { faultRate: number }): Promise<string[]> => {
  const [name = '', seed = '', ...path] = text.split(':')
  if (name === 'model') {
    const run = await runModel({ seed: Number(seed), commands: Number(path[0]), faultRate, shrinks: true })
    return run.violations.map(({ what }) => what)
  }
  if (!isStory(name))
    throw new Error(`no story is called ${name}; there are ${Object.keys(STORIES).join(', ')} and model`)
  const { violations } = await STORIES[name]({ schedules: 1, seed: Number(seed), path: path.join(':') })
  return violations.map(({ what }) => what)
}
