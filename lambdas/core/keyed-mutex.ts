/** Runs tasks of the same key one after another, tasks of different keys side by side. */
export const createKeyedMutex = () => {
  const tails = new Map<string, Promise<void>>()

  return async function runExclusive<T>(key: string, task: () => Promise<T>): Promise<T> {
    const previous = tails.get(key) ?? Promise.resolve()
    const { promise: done, resolve: release } = Promise.withResolvers<void>()
    const tail = previous.then(() => done)
    tails.set(key, tail)
    await previous
    try {
      return await task()
    } finally {
      release()
      if (tails.get(key) === tail) tails.delete(key)
    }
  }
}
