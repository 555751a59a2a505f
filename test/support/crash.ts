import type { CallHook } from '../../local/aws/service.ts'

/**
 * Kills an instance of the app at its n-th AWS call from now. A crash is no exception: the call never settles and no later
 * call of that instance does anything, as when the process is gone.
 */
export const createCrash = () => {
  let left = Number.POSITIVE_INFINITY
  let when: 'before' | 'after' = 'after'
  let dead = false
  const hook: CallHook = async (_call, proceed) => {
    if (dead) return new Promise(() => undefined)
    left -= 1
    if (left > 0) return proceed()
    dead = true
    if (when === 'after') await proceed()
    return new Promise(() => undefined)
  }
  return {
    hook,
    arm: (callNumber: number, moment: 'before' | 'after'): void => {
      left = callNumber
      when = moment
    },
    isDead: () => dead,
  }
}

/** Kills an instance of the app the first time that it makes a call of this name. */
export const createCrashAt = (operation: string, moment: 'before' | 'after') => {
  const crash = createCrash()
  const hook: CallHook = (call, proceed) => {
    if (call.operation === operation) crash.arm(1, moment)
    return crash.hook(call, proceed)
  }
  return { hook, isDead: crash.isDead }
}
