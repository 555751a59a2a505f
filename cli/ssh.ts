import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { SUPPORT_CERTIFICATE_MAX_MINUTES } from '../lambdas/contract/facts.ts'
import { findAgent } from './commands.ts'
import { type Context, must, textOption } from './context.ts'
import { EXIT, type Found, Misuse } from './output.ts'

const SUPPORT_USER = 'support'

/** The id of an instance (EC2). It becomes part of a command that a shell reads, so nothing else may pass for one. */
const INSTANCE_ID = /^i-[0-9a-f]{8,17}$/

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** No settings of the user's own, no shared connection, no agent and nothing forwarded: this key and this tunnel alone. */
const SSH_OPTIONS = [
  'IdentitiesOnly=yes',
  'IdentityAgent=none',
  'ForwardAgent=no',
  'ForwardX11=no',
  'ClearAllForwardings=yes',
  'ControlMaster=no',
  'ControlPath=none',
].flatMap((option) => ['-o', option])

/** OpenSSH ends with 255 when it failed itself; any other status is that of the session (ssh(1), "EXIT STATUS"). */
const SSH_FAILED = 255

/** Gives `work` a folder that is gone afterwards: when it is done, when it throws and when a signal ends the program. */
const withThrowAwayFolder = async <T>(work: (folder: string) => Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-ssh-'))
  const clear = (): void => rmSync(folder, { recursive: true, force: true })
  const clearAndEnd = (signal: NodeJS.Signals): never => {
    clear()
    process.exit(128 + constants.signals[signal])
  }
  for (const signal of ENDING_SIGNALS) process.on(signal, clearAndEnd)
  try {
    return await work(folder)
  } finally {
    clear()
    for (const signal of ENDING_SIGNALS) process.off(signal, clearAndEnd)
  }
}

/**
 * Lets a support engineer in: a key made for this once, a certificate for it, and ssh through EC2 Instance Connect. Key and
 * certificate are gone when the session ends, however it ends. The tunnel is the engineer's own: their AWS credentials need
 * `ec2-instance-connect:OpenTunnel`.
 */
export const ssh = async (context: Context): Promise<Found> => {
  const [wanted] = context.words
  const reason = textOption(context, 'reason')
  const minutes = textOption(context, 'minutes')
  if (wanted === undefined || reason === undefined) {
    throw new Misuse('Say where and why: vestibule ssh <agent> --reason "Ticket 4711: does not answer"')
  }
  if (minutes !== undefined && !/^\d{1,2}$/.test(minutes))
    throw new Misuse(`--minutes is a number up to ${SUPPORT_CERTIFICATE_MAX_MINUTES}.`)
  const agent = await findAgent(context, wanted)
  return withThrowAwayFolder(async (folder) => {
    const key = join(folder, 'key')
    if (context.askProgram('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'vestibule', '-f', key]) === null) {
      throw new Misuse('ssh-keygen did not make a key. Is OpenSSH installed? vestibule doctor looks.')
    }
    const issued = must(
      await context.call('POST /api/support/certificates', {
        body: {
          agentId: agent.id,
          publicKey: readFileSync(`${key}.pub`, 'utf8').trim(),
          reason,
          ...(minutes === undefined ? {} : { minutes: Number(minutes) }),
        },
      }),
    )
    if (!INSTANCE_ID.test(issued.instanceId)) {
      throw new Misuse('The service named a machine that is none. Nothing was opened. Tell your admin.')
    }
    writeFileSync(`${key}-cert.pub`, `${issued.certificate}\n`, { mode: 0o600 })
    const status = context.runProgram('ssh', [
      ...['-F', 'none', '-i', key, ...SSH_OPTIONS],
      ...['-o', `ProxyCommand=aws ec2-instance-connect open-tunnel --instance-id ${issued.instanceId}`],
      `${SUPPORT_USER}@${issued.instanceId}`,
    ])
    if (status === null) throw new Misuse('There is no ssh on this machine. Install OpenSSH and try again.')
    const { certificate: _, ...value } = issued
    return {
      value: { ...value, status },
      words:
        status === SSH_FAILED
          ? 'There was no session: ssh says above why. vestibule doctor looks at what it needs.'
          : `The session is over (it ended with ${status}).`,
      exit: status === SSH_FAILED ? EXIT.refused : EXIT.done,
    }
  })
}
