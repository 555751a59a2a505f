import { parentPort } from 'node:worker_threads'
import { samplePairs } from './pairs.ts'
import { sweep, withoutBackOff } from './sweep.ts'
import { WORKFLOWS } from './workflows.ts'

/** A share of the work of `npm run faults`, in a thread of its own. */
export type Task = { kind: 'sweep'; workflow: string } | { kind: 'pairs'; count: number; seed: string }

export interface Done {
  tried: number
  survived: number
  /** What did not hold, with what it takes to see it again. */
  failures: string[]
}

const work = async (task: Task): Promise<Done> => {
  if (task.kind === 'pairs') {
    const { tried, failures } = await samplePairs(task)
    return { tried, survived: tried - failures.length, failures: failures.map((failure) => JSON.stringify(failure)) }
  }
  const workflow = WORKFLOWS.find(({ name }) => name === task.workflow)
  if (workflow === undefined) throw new Error(`there is no workflow ${task.workflow}`)
  const { tried, failures } = await sweep(workflow)
  return {
    tried,
    survived: tried - failures.length,
    failures: failures.map((failure) => JSON.stringify({ workflow: workflow.name, ...failure })),
  }
}

withoutBackOff()
parentPort?.on('message', (task: Task) => {
  work(task).then(
    (done) => parentPort?.postMessage(done),
    (error: unknown) => {
      const failure = `${JSON.stringify(task)}: ${error instanceof Error ? error.message : String(error)}`
      parentPort?.postMessage({ tried: 1, survived: 0, failures: [failure] } satisfies Done)
    },
  )
})
