import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE_MILLISECONDS = 200

/** Asks until there is an answer other than null or false. Throws after `seconds`, with the last thing that went wrong. */
export const eventually = async <T>(
  what: string,
  seconds: number,
  ask: () => Promise<T | null | false>,
): Promise<T> => {
  const end = performance.now() + seconds * 1000
  let last = ''
  while (performance.now() < end) {
    try {
      const answer = await ask()
      if (answer !== null && answer !== false) return answer
      last = ''
    } catch (error) {
      last = `; ${error instanceof Error ? error.message : String(error)}`
    }
    await sleep(PAUSE_MILLISECONDS)
  }
  throw new Error(`${what}: not within ${seconds} s${last}`)
}
