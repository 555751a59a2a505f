import { once } from 'node:events'
import * as z from 'zod'

/** What the protocol's Runtime.getHeapUsage tells, in bytes; older inspectors leave buffers out. */
const HeapUsage = z.object({ usedSize: z.number(), backingStorageSize: z.number().default(0) })

/**
 * What another Node.js process holds once its collector has been made to do its work, in megabytes: heap and buffers, by the
 * inspector (Chrome DevTools protocol) that it was started with on this port. What is only not yet collected does not count.
 */
export const watchHeldMemory = async (inspectorPort: number) => {
  const list: { webSocketDebuggerUrl: string }[] = await (
    await fetch(`http://127.0.0.1:${inspectorPort}/json/list`)
  ).json()
  const socket = new WebSocket(list[0]?.webSocketDebuggerUrl ?? '')
  await once(socket, 'open')
  const waiting = new Map<number, (result: unknown) => void>()
  let calls = 0
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data))
    waiting.get(id)?.(result)
    waiting.delete(id)
  })
  const call = (method: string): Promise<unknown> =>
    new Promise((resolve) => {
      calls += 1
      waiting.set(calls, resolve)
      socket.send(JSON.stringify({ id: calls, method }))
    })
  return {
    read: async (): Promise<number> => {
      await call('HeapProfiler.collectGarbage')
      const { usedSize, backingStorageSize } = HeapUsage.parse(await call('Runtime.getHeapUsage'))
      return (usedSize + backingStorageSize) / 1024 ** 2
    },
    close: () => socket.close(),
  }
}
