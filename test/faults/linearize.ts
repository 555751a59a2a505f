/** One call of a history: when it began and ended, on a counter that all share, and what it was answered. */
export interface Done<Op> {
  op: Op
  startedAt: number
  endedAt: number
}

/**
 * True where some order of the calls explains what they were answered: one that keeps every call which ended before another
 * began in front of it, and in which each answer is what a sequential model would give (Herlihy and Wing, "Linearizability").
 * `step` says which states may follow an answered call; none where the model would never answer so.
 */
export const isLinearizable = <State, Op>(
  history: readonly Done<Op>[],
  initial: State,
  step: (state: State, op: Op) => readonly State[],
  isFinal: (state: State) => boolean = () => true,
): boolean => {
  const seen = new Set<string>()
  const search = (done: number, state: State): boolean => {
    if (done === 2 ** history.length - 1) return isFinal(state)
    const key = `${done} ${JSON.stringify(state)}`
    if (seen.has(key)) return false
    seen.add(key)
    const open = history.map((call, index) => ({ call, bit: 1 << index })).filter(({ bit }) => (done & bit) === 0)
    const firstEnd = Math.min(...open.map(({ call }) => call.endedAt))
    return open
      .filter(({ call }) => call.startedAt <= firstEnd)
      .some(({ call, bit }) => step(state, call.op).some((next) => search(done | bit, next)))
  }
  return search(0, initial)
}

/** Writes down calls as they are made. */
export const createHistory = <Op>() => {
  const calls: Done<Op>[] = []
  let time = 0
  const tick = (): number => (time += 1)
  return {
    calls,
    /** Makes one call; `toOp` says what it was and what it was answered. */
    record: async <T>(call: () => Promise<T>, toOp: (answer: T) => Op): Promise<T> => {
      const startedAt = tick()
      const answer = await call()
      calls.push({ op: toOp(answer), startedAt, endedAt: tick() })
      return answer
    },
  }
}
