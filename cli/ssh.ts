import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SUPPORT_CERTIFICATE_MAX_MINUTES } from '../lambdas/contract/facts.ts'
import { findAgent } from './commands.ts'
import { type Context, must, textOption } from './context.ts'
import { EXIT, type Found, Misuse } from './output.ts'

const SUPPORT_USER = 'support'

/**
 * Lets a support engineer in: a key made for this once, a certificate for it, and ssh through EC2 Instance Connect. Key and
 * certificate are gone when the session ends, however it ends.
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
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-ssh-'))
  const key = join(folder, 'key')
  try {
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
    writeFileSync(`${key}-cert.pub`, `${issued.certificate}\n`, { mode: 0o600 })
    const status = context.runProgram('ssh', [
      ...['-i', key, '-o', 'IdentitiesOnly=yes', '-o', 'ForwardAgent=no', '-o', 'ClearAllForwardings=yes'],
      ...['-o', `ProxyCommand=aws ec2-instance-connect open-tunnel --instance-id ${issued.instanceId}`],
      `${SUPPORT_USER}@${issued.instanceId}`,
    ])
    if (status === null) throw new Misuse('There is no ssh on this machine. Install OpenSSH and try again.')
    const { certificate: _, ...value } = issued
    return {
      value: { ...value, status },
      words: `The session is over (ssh ended with ${status}).`,
      exit: status === 0 ? EXIT.done : EXIT.refused,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
