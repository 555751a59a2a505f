import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTokenStore, systemKeychain } from '../cli/token-store.ts'
import { Secret } from '../lambdas/core/secret.ts'
import type { Machine } from './machine.ts'
import { ADDRESSES, MACHINES_DIRECTORY, SITE_ORIGIN } from './place.ts'
import { type Ran, run } from './program.ts'

const CLI = fileURLToPath(new URL('../bin/cli.ts', import.meta.url))
const TUNNEL = fileURLToPath(new URL('tunnel.mjs', import.meta.url))

/**
 * `vestibule ssh <agent>` as an engineer runs it, in a process of its own, over HTTPS to the front; `typed` goes to the session.
 * Two programs on its PATH are the rig's: `aws`, whose tunnel is the support path, and an `ssh` that answers its question about
 * an unknown host.
 */
export const vestibuleSsh = async (input: {
  agentId: string
  machine: Machine
  reason: string
  token: string
  /** The file of the front's authority. */
  authorityPath: string
  typed: string
}): Promise<Ran> => {
  const { agentId, machine, reason, token, authorityPath, typed } = input
  const folder = join(MACHINES_DIRECTORY, 'command-line')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  createTokenStore(join(folder, 'vestibule'), systemKeychain('linux', {})).save(SITE_ORIGIN, new Secret(token))
  const programs = {
    aws: `[ "$4" = ${machine.id} ] && exec ${process.execPath} ${TUNNEL} ${machine.link.address} ${ADDRESSES.supportPath}`,
    ssh: 'exec /usr/bin/ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$@"',
  }
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, name), 0o700)
  }
  const environment = {
    PATH: [folder, dirname(process.execPath), '/usr/bin', '/bin'].join(':'),
    XDG_CONFIG_HOME: folder,
    NODE_EXTRA_CA_CERTS: authorityPath,
  }
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  return run(['env', '-i', ...settings, process.execPath, CLI, 'ssh', agentId, '--reason', reason], { input: typed })
}
