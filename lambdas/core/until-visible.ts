import type { Clock, Pause } from './clock.ts'

const FIRST_PAUSE_MILLISECONDS = 250
const LONGEST_PAUSE_MILLISECONDS = 2_000

/**
 * Makes a call about something that was just made, and makes it again as long as it fails as one does that came too early.
 * From `until` on the failure stands.
 */
export const untilVisible = async <T>(
  { clock, pause }: { clock: Clock; pause: Pause },
  until: Date,
  isTooEarly: (error: unknown) => boolean,
  call: () => Promise<T>,
): Promise<T> => {
  for (let wait = FIRST_PAUSE_MILLISECONDS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MILLISECONDS)) {
    try {
      return await call()
    } catch (error) {
      if (!isTooEarly(error) || clock.now() >= until) throw error
    }
    await pause(wait)
  }
}
