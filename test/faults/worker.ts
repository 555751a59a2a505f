import { parentPort } from 'node:worker_threads'

/** A share of the work of `npm run faults`, in a thread of its own. */
export type Task =
  | { kind: 'sweep'; workflow: string }
  | { kind: 'pairs'; count: number; seed: string }
  | { kind: 'model'; commands: number; seed: number }
  | { kind: 'launch' | 'revocation' | 'invite' | 'merge'; schedules: number; seed: number }

export const FAULT_RATE = 0.05
const COMMANDS_OF_A_RUN = 100

export interface Done {
  tried: number
  /** What did not hold, with what it takes to see it again. */
  failures: string[]
}

const sweepOne = async (name: string): Promise<Done> => {
  const [{ sweep, withoutBackOff }, { WORKFLOWS }] = await Promise.all([import('./sweep.ts'), import('./workflows.ts')])
  withoutBackOff()
  const workflow = WORKFLOWS.find((one) => one.name === name)
  if (workflow === undefined) throw new Error(`there is no workflow ${name}`)
  const { tried, failures } = await sweep(workflow)
  return { tried, failures: failures.map((failure) => JSON.stringify({ workflow: name, ...failure })) }
}

const pairs = async (task: { count: number; seed: string }): Promise<Done> => {
  const [{ samplePairs }, { withoutBackOff }] = await Promise.all([import('./pairs.ts'), import('./sweep.ts')])
  withoutBackOff()
  const { tried, failures } = await samplePairs(task)
  return { tried, failures: failures.map((failure) => JSON.stringify(failure)) }
}

const explore = async ({ kind, schedules: wanted, seed }: Extract<Task, { schedules: number }>): Promise<Done> => {
  const { STORIES } = await import('./interleavings.ts')
  const { schedules, violations } = await STORIES[kind]({ schedules: wanted, seed })
  return { tried: schedules, failures: violations.map((violation) => JSON.stringify(violation)) }
}

const work = async (task: Task): Promise<Done> => {
  switch (task.kind) {
    case 'sweep':
      return sweepOne(task.workflow)
    case 'pairs':
      return pairs(task)
    case 'model': {
      const { runModelUntil } = await import('./model.ts')
      const { commands, violations } = await runModelUntil(task.commands, {
        ...{ seed: task.seed, commands: COMMANDS_OF_A_RUN, faultRate: FAULT_RATE },
      })
      return { tried: commands, failures: violations.map((violation) => JSON.stringify(violation)) }
    }
    default:
      return explore(task)
  }
}

parentPort?.on('message', (task: Task) => {
  work(task).then(
    (done) => parentPort?.postMessage(done),
    (error: unknown) => {
      const failure = `${JSON.stringify(task)}: ${error instanceof Error ? error.message : String(error)}`
      parentPort?.postMessage({ tried: 1, failures: [failure] } satisfies Done)
    },
  )
})
