import { createSeededRandom } from '../support/random.ts'
import type { PlannedFault, TracedCall } from './plan.ts'
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
  const draw = (trace: readonly TracedCall[]): PlannedFault => {
    const index = below(trace.length)
    const faults = trace[index]?.faults ?? []
    return { at: index + 1, fault: faults[below(faults.length)] ?? 'crash-after' }
  }
  const failures: PairsResult['failures'] = []
  const share = Math.ceil(count / WORKFLOWS.length)
  for (const workflow of WORKFLOWS) {
    const beginning = await begin(workflow)
    try {
      const { trace } = await attempt(beginning, [])
      for (let turn = 0; turn < share; turn += 1) {
        const pair: Pair = { workflow: workflow.name, first: draw(trace), second: draw(trace) }
        const { violations } = await attempt(beginning, [pair.first], [pair.second])
        if (violations.length > 0) failures.push({ pair, violations })
      }
    } finally {
      await beginning.end()
    }
  }
  return { tried: share * WORKFLOWS.length, failures }
}
