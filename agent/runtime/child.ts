import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'

export interface ChildInput {
  command: string
  args: readonly string[]
  env: Record<string, string>
  folder: string
  /** Handed over on standard input, then closed. */
  input: string
  limitMilliseconds: number
}

export type ChildOutcome =
  | { reason: 'ended'; code: number | null; stdout: string }
  | { reason: 'not_found' }
  | { reason: 'timed_out' }
  | { reason: 'output_too_long' }

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024
const KILL_AFTER_MILLISECONDS = 5000
const PIPES_OPEN_MILLISECONDS = 2000

/** A child leads a process group of its own, so that what it started ends with it. */
const signalGroup = (child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Runs programs with nothing but the environment they are given, each for a limited time and with limited output. */
export const createChildren = () => {
  const running = new Set<ChildProcessWithoutNullStreams>()

  const run = (input: ChildInput): Promise<ChildOutcome> => {
    const { promise, resolve, reject } = Promise.withResolvers<ChildOutcome>()
    const child = spawn(input.command, input.args, { cwd: input.folder, env: input.env, detached: true })
    running.add(child)
    const chunks: Buffer[] = []
    let bytes = 0
    let stoppedFor: 'timed_out' | 'output_too_long' | null = null
    const timers: NodeJS.Timeout[] = []
    const later = (milliseconds: number, task: () => void) => void timers.push(setTimeout(task, milliseconds))

    const stop = (reason: 'timed_out' | 'output_too_long'): void => {
      if (stoppedFor !== null) return
      stoppedFor = reason
      signalGroup(child, 'SIGTERM')
      later(KILL_AFTER_MILLISECONDS, () => signalGroup(child, 'SIGKILL'))
    }
    const finish = (): void => {
      running.delete(child)
      for (const timer of timers) clearTimeout(timer)
    }

    later(input.limitMilliseconds, () => stop('timed_out'))
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_OUTPUT_BYTES) stop('output_too_long')
      else chunks.push(chunk)
    })
    // What it complains about may quote the prompt. Nobody reads it, but an unread pipe would fill up and stop it.
    child.stderr.resume()
    // It may end without reading all of its input; its exit code says what happened.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input.input)
    // A grandchild that stays behind may hold the pipes open for ever.
    child.once('exit', () =>
      later(PIPES_OPEN_MILLISECONDS, () => {
        child.stdout.destroy()
        child.stderr.destroy()
      }),
    )
    child.once('error', (error) => {
      finish()
      const isNotThere = 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES')
      return isNotThere ? resolve({ reason: 'not_found' }) : reject(error)
    })
    child.once('close', (code) => {
      finish()
      if (stoppedFor !== null) signalGroup(child, 'SIGKILL')
      resolve(
        stoppedFor === null
          ? { reason: 'ended', code, stdout: Buffer.concat(chunks).toString('utf8') }
          : { reason: stoppedFor },
      )
    })
    return promise
  }

  return {
    run,
    /** Ends everything that still runs, at once. */
    killAll: (): void => {
      for (const child of running) signalGroup(child, 'SIGKILL')
    },
  }
}

export type Children = ReturnType<typeof createChildren>
