import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export interface Ran {
  /** 128 and the signal's number when a signal ended it, as a shell says it. */
  status: number
  stdout: string
  stderr: string
}

const TIMED_OUT = 124

/** Runs one program to its end. Not found is an error; an exit other than 0 is an answer. */
export const run = async (
  [program = '', ...words]: readonly string[],
  { input = '', timeoutSeconds = 60 }: { input?: string; timeoutSeconds?: number } = {},
): Promise<Ran> => {
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] })
  // A program that does not read its input to the end is not thereby wrong.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, timeoutSeconds * 1000)
  try {
    const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    return { status: isLate ? TIMED_OUT : (status ?? 128), stdout, stderr }
  } finally {
    clearTimeout(timer)
  }
}

/** Runs a program that has to succeed. Returns what it printed. */
export const mustRun = async (words: readonly string[], options?: Parameters<typeof run>[1]): Promise<string> => {
  const { status, stdout, stderr } = await run(words, options)
  if (status !== 0)
    throw new Error(`${words.join(' ').slice(0, 200)} ended with ${status}: ${(stderr || stdout).trim()}`)
  return stdout
}
