import { access, chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { existsSync, readFileSync } from 'node:fs'
import type { SupportSessionReport } from '../../lambdas/contract/instance.ts'
import type { Clock } from '../../lambdas/core/clock.ts'
import { writeAtomically } from '../atomic-file.ts'
import { holds, isActive, readIfThere, run, systemctl } from './machine.ts'
import { parseJournal, readSessions, SessionMemory } from './support-sessions.ts'

export const SUPPORT_USER = 'support'
const UNIT = 'vestibule-sshd.service'

/** In memory: gone with the machine, and with the tenant's choice. */
const FOLDER = '/run/vestibule/ssh'
const HOST_KEY = '/var/lib/vestibule/ssh_host_ed25519_key'
const MEMORY = '/var/lib/vestibule/support-sessions.json'

/**
 * One user, by certificates of our CA for this agent alone (sshd_config(5)). No key, no password, no root; nothing forwarded;
 * no file of the user's own is read. VERBOSE is what logs the id and the serial number of a certificate.
 */
export const sshdConfig = (folder: string, hostKey: string): string =>
  [
    'Port 22',
    `HostKey ${hostKey}`,
    `PidFile ${folder}/sshd.pid`,
    'LogLevel VERBOSE',
    'UsePAM no',
    'PermitRootLogin no',
    `AllowUsers ${SUPPORT_USER}`,
    'AuthenticationMethods publickey',
    'PubkeyAuthentication yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'HostbasedAuthentication no',
    'GSSAPIAuthentication no',
    'AuthorizedKeysFile none',
    `TrustedUserCAKeys ${folder}/trusted_cas`,
    `AuthorizedPrincipalsFile ${folder}/principals`,
    'DisableForwarding yes',
    'PermitTunnel no',
    'GatewayPorts no',
    'PermitUserEnvironment no',
    'PermitUserRC no',
    'LoginGraceTime 30',
    'MaxAuthTries 3',
    'MaxSessions 4',
    'ClientAliveInterval 15',
    'ClientAliveCountMax 3',
    '',
  ].join('\n')

const ensureUser = async (): Promise<void> => {
  if (await holds('id', [SUPPORT_USER])) return
  await run('useradd', [
    ...['--create-home', '--home-dir', '/var/lib/vestibule-support', '--user-group', '--shell', '/bin/bash'],
    // It reads the log, in which there is no secret.
    ...['--groups', 'systemd-journal'],
    // No password, and not locked either: a locked user may not come in by key.
    ...['--password', '*', SUPPORT_USER],
  ])
}

const isSshd = (pid: string): boolean =>
  existsSync(`/proc/${pid}/comm`) && readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('sshd')

/**
 * Lets support in, or not: an sshd of our own that runs only while the tenant allows it, trusts only the CAs it was told, and
 * takes every session with it when it ends.
 */
export const createSupportAccess = ({ principal, clock }: { principal: string; clock: Clock }) => {
  const readMemory = async (bootId: string): Promise<SessionMemory> => {
    const text = await readIfThere(MEMORY)
    return text === null ? { bootId, open: {} } : SessionMemory.parse(JSON.parse(text))
  }

  return {
    allow: async (trustedCas: readonly string[]): Promise<void> => {
      await access('/usr/sbin/sshd')
      await ensureUser()
      if ((await readIfThere(HOST_KEY)) === null)
        await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', HOST_KEY])
      await mkdir(FOLDER, { recursive: true })
      // Read as the user that logs in.
      await chmod(FOLDER, 0o755)
      // sshd reads both at each login, so a change needs no restart.
      writeAtomically(`${FOLDER}/trusted_cas`, `${trustedCas.join('\n')}\n`, 0o644)
      writeAtomically(`${FOLDER}/principals`, `${principal}\n`, 0o644)
      writeAtomically(`${FOLDER}/sshd_config`, sshdConfig(FOLDER, HOST_KEY), 0o644)
      if (!(await isActive(UNIT))) await systemctl('start', UNIT)
    },

    forbid: async (): Promise<void> => {
      await systemctl('stop', UNIT)
      await rm(FOLDER, { recursive: true, force: true })
    },

    /** Sessions that began or ended since what was last told; told again until `remember` is called with the same. */
    readNews: async (): Promise<{ reports: SupportSessionReport[]; memory: SessionMemory }> => {
      const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
      const memory = await readMemory(bootId)
      const after = memory.cursor === undefined ? [] : [`--after-cursor=${memory.cursor}`]
      const text = await run('journalctl', ['--quiet', '--no-pager', '--output=json', `--unit=${UNIT}`, ...after])
      return readSessions(memory, parseJournal(text), { bootId, at: clock.now(), isAlive: isSshd })
    },

    remember: async (memory: SessionMemory): Promise<void> => writeAtomically(MEMORY, JSON.stringify(memory)),
  }
}

export type SupportAccess = ReturnType<typeof createSupportAccess>
