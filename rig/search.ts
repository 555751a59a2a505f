import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from './machine.ts'
import { MACHINES_DIRECTORY } from './place.ts'
import { type Ran, run } from './program.ts'

/** As it is, and as it may have been written down in passing. */
const formsOf = (value: string): string[] => [
  value,
  Buffer.from(value).toString('base64').replace(/=+$/, ''),
  Buffer.from(value).toString('hex'),
]

const GREP = ['grep', '--recursive', '--files-with-matches', '--text', '--fixed-strings', '--file=-', '--devices=skip']

/** grep ends with 1 when it finds nothing and with 2 when it could not look somewhere, which in a running machine it may. */
const filesIn = ({ status, stdout, stderr }: Ran): string[] => {
  if (status > 2) throw new Error(`grep ended with ${status}: ${stderr}`)
  return stdout.split('\n').filter(Boolean).toSorted()
}

const patterns = (values: readonly string[]) => ({ input: values.flatMap(formsOf).join('\n'), timeoutSeconds: 120 })

/** Every file that the machine itself can see and that holds one of the values, but for the kernel's own file systems. */
export const searchFiles = async (machine: Machine, values: readonly string[]): Promise<string[]> =>
  filesIn(
    await machine.inside([...GREP, '--no-messages', '--exclude-dir=proc', '--exclude-dir=sys', '/'], patterns(values)),
  )

/** Every file on the machine's disk, looked at from outside, that holds one of the values. */
export const searchDisk = async (machine: Machine, values: readonly string[]): Promise<string[]> => {
  const disk = join(MACHINES_DIRECTORY, machine.id, 'written')
  if (readdirSync(disk).length === 0) throw new Error(`${disk} is empty: that is not a machine's disk`)
  return filesIn(await run([...GREP, '--no-messages', disk], patterns(values)))
}

/** Lines of the machine's log that hold one of the values; the log may be compressed, so it is read by its own reader. */
export const searchLog = async (machine: Machine, values: readonly string[]): Promise<string[]> => {
  const { stdout } = await machine.inside(['journalctl', '--no-pager', '--output=export'], { timeoutSeconds: 120 })
  if (!stdout.includes('vestibule-supervisor')) throw new Error('the log says nothing of the supervisor')
  return stdout.split('\n').filter((line) => values.flatMap(formsOf).some((form) => line.includes(form)))
}

/** Processes, by user and name, whose environment holds one of the values. */
export const searchEnvironments = async (machine: Machine, values: readonly string[]): Promise<string[]> => {
  const { stdout } = await machine.inside([
    'sh',
    '-c',
    'for one in /proc/[0-9]*; do echo "$(stat -c %U $one) $(cat $one/comm) $(tr "\\0" " " < $one/environ)"; done',
  ])
  return stdout
    .split('\n')
    .filter((line) => values.some((value) => line.includes(value)))
    .map((line) => line.split(' ').slice(0, 2).join(' '))
}
