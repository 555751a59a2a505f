import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { eventually } from './eventually.ts'
import { MACHINES_DIRECTORY } from './place.ts'
import type { Link } from './network.ts'
import { mustRun, type Ran, run } from './program.ts'
import { createControlGroups, removeControlGroups } from './control-groups.ts'

const SHUTDOWN_SECONDS = 20
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** One machine: a disk of its own over the shared image, and systemd in namespaces of its own. */
export interface Machine {
  id: string
  link: Link
  /** Its root file system as it sees it, while it has one. */
  root: string
  consolePath: string
  /** When it was last switched on (`performance.now()`). */
  bootedAt: number
  isRunning: () => boolean
  boot: () => Promise<void>
  /** Asks it to shut down; pulls the plug when it does not. */
  shutDown: () => Promise<void>
  /** Pulls the plug and destroys the disk. */
  destroy: () => Promise<void>
  /** Runs a program inside, as root. Throws when the machine is off. */
  inside: (words: readonly string[], options?: Parameters<typeof run>[1]) => Promise<Ran>
  /** The same, as another user, with the groups of that user. */
  insideAs: (user: string, words: readonly string[], options?: Parameters<typeof run>[1]) => Promise<Ran>
  /** The process id of its init, as seen from here. */
  init: () => number
}

const childrenOf = (pid: number): number[] => {
  const path = `/proc/${pid}/task/${pid}/children`
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number) : []
}

/**
 * A machine whose disk starts as the image. `layers` are folders, the upper one first, under what it writes itself; what it
 * writes stays from one boot to the next.
 */
export const createMachine = async (input: {
  id: string
  link: Link
  layers: readonly string[]
  userData: string
}): Promise<Machine> => {
  const { id, link, layers, userData } = input
  const directory = join(MACHINES_DIRECTORY, id)
  const root = join(directory, 'root')
  const consolePath = join(directory, 'console.log')
  for (const name of ['written', 'work', 'root']) mkdirSync(join(directory, name), { recursive: true })
  await mustRun([
    ...['mount', '-t', 'overlay', 'overlay', '-o'],
    `lowerdir=${layers.join(':')},upperdir=${join(directory, 'written')},workdir=${join(directory, 'work')}`,
    root,
  ])
  const seed = join(root, 'var/lib/cloud/seed/nocloud')
  mkdirSync(seed, { recursive: true })
  writeFileSync(
    join(seed, 'meta-data'),
    `instance-id: ${id}\nlocal-hostname: ip-${link.address.replaceAll('.', '-')}\n`,
  )
  writeFileSync(join(seed, 'user-data'), userData)

  let nspawn: ChildProcess | null = null
  let init: number | null = null
  const isRunning = (): boolean => nspawn !== null && nspawn.exitCode === null && nspawn.signalCode === null

  const requireInit = (): number => {
    if (init === null || !isRunning()) throw new Error(`${id} is not running`)
    return init
  }

  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    await removeControlGroups(id)
    nspawn = null
    init = null
  }

  const boot = async (): Promise<void> => {
    const groups = createControlGroups(id)
    const output = openSync(consolePath, 'a', 0o600)
    const enter = groups.map((group) => `echo $$ > ${group}/cgroup.procs`).join(' && ')
    const child = spawn(
      'sh',
      [
        ...['-c', `${enter} && exec "$@"`, 'sh', 'systemd-nspawn', '--quiet', '--boot', `--directory=${root}`],
        ...[`--machine=${id}`, `--network-namespace-path=/run/netns/${link.namespace}`, '--capability=CAP_NET_ADMIN'],
        ...['--register=no', '--keep-unit', '--link-journal=no', '--resolv-conf=off', '--timezone=off'],
        '--kill-signal=SIGRTMIN+3',
      ],
      { stdio: ['ignore', output, output] },
    )
    closeSync(output)
    nspawn = child
    machine.bootedAt = performance.now()
    init = await eventually(`${id} has an init`, 10, async () => {
      if (!isRunning()) throw new Error(`systemd-nspawn ended: ${readFileSync(consolePath, 'utf8').slice(-500)}`)
      const [first] = childrenOf(child.pid ?? 0)
      return first !== undefined && existsSync(`/proc/${first}/root/run/systemd/private`) ? first : null
    })
  }

  const enter = (): string[] => ['nsenter', '-t', String(requireInit()), '-a', '--', 'env', '-i', PATH]

  const machine: Machine = {
    id,
    link,
    root,
    consolePath,
    bootedAt: 0,
    isRunning,
    boot,
    shutDown: async () => {
      const child = nspawn
      if (child === null) return
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), SHUTDOWN_SECONDS * 1000)
      await end(child)
      clearTimeout(late)
    },
    destroy: async () => {
      const child = nspawn
      if (init !== null && isRunning()) process.kill(init, 'SIGKILL')
      child?.kill('SIGKILL')
      if (child !== null) await end(child)
      await mustRun(['umount', root])
      rmSync(directory, { recursive: true, force: true })
    },
    inside: (words, options) => run([...enter(), ...words], options),
    insideAs: (user, words, options) =>
      run([...enter(), 'setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', ...words], options),
    init: requireInit,
  }
  return machine
}
