import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Machine } from './machine.ts'

const PATIENCE_MILLISECONDS = 1500

/** Whether a TCP connection comes about from inside a machine. Rules drop what they refuse, so "no" takes its time. */
export const connectsFrom = async (machine: Machine, address: string, port: number): Promise<boolean> => {
  const attempt = ['timeout', String(PATIENCE_MILLISECONDS / 1000), 'bash', '-c', `</dev/tcp/${address}/${port}`]
  return (await machine.inside(attempt)).status === 0
}

/** Whether a TCP connection comes about from one of our own addresses. */
export const connectsTo = (address: string, port: number, from: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port, localAddress: from })
    const end = (isOpen: boolean): void => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.setTimeout(PATIENCE_MILLISECONDS, () => end(false))
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })

/** Something that accepts connections, to tell a refusal from nobody being there. */
export const listen = async (address: string, port: number): Promise<() => Promise<void>> => {
  const server = createServer((socket) => socket.destroy())
  server.listen(port, address)
  await once(server, 'listening')
  return async () => {
    const closed = once(server, 'close')
    server.close()
    await closed
  }
}
