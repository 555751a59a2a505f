import type { CallHook } from '../../local/aws/service.ts'

/** Counts the AWS calls of one operation, and the waves they come in: calls under way together are one wave. */
export const createRoundTripCounter = () => {
  let calls: string[] = []
  let waves = 0
  let underWay = 0
  const hook: CallHook = async (call, proceed) => {
    if (underWay === 0) waves += 1
    underWay += 1
    calls.push(`${call.service}.${call.operation}`)
    try {
      // Every answer takes its time, so that what is sent together is seen together.
      await new Promise((resolve) => setTimeout(resolve, 2))
      return await proceed()
    } finally {
      underWay -= 1
    }
  }
  return {
    hook,
    measure: async (operation: () => Promise<unknown>): Promise<{ waves: number; calls: number; names: string[] }> => {
      calls = []
      waves = 0
      await operation()
      return { waves, calls: calls.length, names: calls }
    },
  }
}
