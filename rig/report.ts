import { AssertionError } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const LONGEST_SECONDS = 180

const tooLong = async (): Promise<never> => {
  await sleep(LONGEST_SECONDS * 1000, undefined, { ref: false })
  throw new Error(`it did not end within ${LONGEST_SECONDS} s`)
}

/** Prints what the rig does and what it found, one line each, with the seconds since the start. */
export const createReport = () => {
  const startedAt = performance.now()
  const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s`
  let passed = 0
  const failures: string[] = []

  const explain = (error: unknown): string => {
    if (error instanceof AssertionError) return error.message
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }

  return {
    /** What is under way, or a figure. */
    note: (line: string): void => say(`${seconds()}         ${line}`),
    chapter: (title: string): void => say(`\n${seconds()}  ${title}`),
    /** One assertion. It fails when `attempt` throws or does not end; what comes after it is tried all the same. */
    check: async (sentence: string, attempt: () => Promise<unknown>): Promise<boolean> => {
      try {
        await Promise.race([attempt(), tooLong()])
        passed += 1
        say(`${seconds()}  passed ${sentence}`)
        return true
      } catch (error) {
        failures.push(sentence)
        say(`${seconds()}  FAILED ${sentence}`)
        for (const line of explain(error).split('\n')) say(`${' '.repeat(18)}${line}`)
        return false
      }
    },
    /** The last lines. Returns whether all is well: at least one assertion, and none that failed. */
    close: (): boolean => {
      say('')
      for (const sentence of failures) say(`failed: ${sentence}`)
      say(`${passed} passed, ${failures.length} failed`)
      return passed > 0 && failures.length === 0
    },
  }
}

export type Report = ReturnType<typeof createReport>
