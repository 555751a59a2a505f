import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'

const READY = 'Vestibule is ready at'

export const freePort = async (): Promise<number> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port to be had')
  return address.port
}

export const newDataDirectory = (): string => mkdtempSync(join(tmpdir(), 'vestibule-test-'))

/** `npm start` as a person runs it, but on its own port and folder. */
export const startProduct = async (directory = newDataDirectory(), port?: number) => {
  const chosen = port ?? (await freePort())
  const startedAt = performance.now()
  const child: ChildProcess = spawn(process.execPath, ['local/main.ts'], {
    env: { ...process.env, PORT: String(chosen), VESTIBULE_DATA_DIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes(READY) && output.includes('Stop with')) resolve()
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.once('exit', (code) => reject(new Error(`npm start ended with ${code}: ${output}`)))
  })
  const readyMilliseconds = performance.now() - startedAt
  const local: { url: string; adminInviteLink: string } = JSON.parse(
    readFileSync(join(directory, 'local.json'), 'utf8'),
  )
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    child.removeAllListeners('exit')
    child.kill(signal)
    const [code] = await once(child, 'exit')
    return code
  }
  return {
    ...local,
    directory,
    port: chosen,
    pid: child.pid ?? 0,
    readyMilliseconds,
    output: () => output,
    stop: () => end('SIGINT'),
    kill: () => end('SIGKILL'),
  }
}

export type RunningProduct = Awaited<ReturnType<typeof startProduct>>
