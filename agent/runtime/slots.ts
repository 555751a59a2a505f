/** Runs at most `limit` tasks at a time; the others wait in the order in which they came. */
export const createSlots = (limit: number) => {
  let free = limit
  const waiting: (() => void)[] = []

  const take = async (): Promise<void> => {
    if (free > 0) {
      free -= 1
      return
    }
    await new Promise<void>((resolve) => waiting.push(resolve))
  }

  const giveBack = (): void => {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }

  return async function runInSlot<T>(task: () => Promise<T>): Promise<T> {
    await take()
    try {
      return await task()
    } finally {
      giveBack()
    }
  }
}
