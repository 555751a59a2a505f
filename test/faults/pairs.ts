import { rmSync } from 'node:fs'
import { createSeededRandom } from '../support/random.ts'
import { FAULTS, type PlannedFault } from './plan.ts'
import { attempt, begin } from './sweep.ts'
import { WORKFLOWS } from './workflows.ts'

/** Two faults of one try: the first in the workflow, the second while it is done again. A seed makes the same ones again. */
export interface Pair {
  workflow: string
  first: PlannedFault
  second: PlannedFault
}

export interface PairsResult {
  tried: number
  failures: { pair: Pair; violations: string[] }[]
}

/** Tries `count` pairs, drawn evenly over the workflows. */
export const samplePairs = async ({ count, seed }: { count: number; seed: string }): Promise<PairsResult> => {
  const random = createSeededRandom(seed)
  const below = (limit: number): number => Buffer.from(random.bytes(4)).readUInt32BE() % limit
  const draw = (calls: number): PlannedFault => ({
    at: 1 + below(calls),
    fault: FAULTS[below(FAULTS.length)] ?? 'crash-after',
  })
  const failures: PairsResult['failures'] = []
  const share = Math.ceil(count / WORKFLOWS.length)
  for (const workflow of WORKFLOWS) {
    const beginning = await begin(workflow)
    try {
      const { trace } = await attempt(beginning, [])
      for (let turn = 0; turn < share; turn += 1) {
        const pair: Pair = { workflow: workflow.name, first: draw(trace.length), second: draw(trace.length) }
        const { violations } = await attempt(beginning, [pair.first], [pair.second])
        if (violations.length > 0) failures.push({ pair, violations })
      }
    } finally {
      rmSync(beginning.folder, { recursive: true, force: true })
    }
  }
  return { tried: share * WORKFLOWS.length, failures }
}
