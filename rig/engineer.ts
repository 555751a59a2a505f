import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { supportPrincipal } from '../lambdas/contract/support.ts'
import { certificateLine, type CertificateRequest, toBeSigned } from '../lambdas/support/ssh-certificate.ts'
import { readPublicKey } from '../lambdas/support/ssh-wire.ts'
import type { Browser, Reply } from '../test/support/browser.ts'
import type { RigAgent } from './agents.ts'
import type { Machine } from './machine.ts'
import { ADDRESSES, MACHINES_DIRECTORY } from './place.ts'
import { mustRun, type Ran, run } from './program.ts'
import type { Rig } from './rig.ts'

export const REASON = 'Ticket 4711: does not answer in Slack'

/** A key that was made for this once, and what goes with it. */
export interface SshIdentity {
  key: string
  publicKey: string
  /** The path of its certificate; absent for a bare key. */
  certificate?: string
}

interface How {
  user?: string
  options?: readonly string[]
}

const NO_HABITS = [
  ...['-F', 'none', '-b', ADDRESSES.supportPath],
  ...['IdentitiesOnly=yes', 'IdentityAgent=none', 'BatchMode=yes', 'ConnectTimeout=5'].flatMap((one) => ['-o', one]),
  ...['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=VERBOSE'].flatMap((one) => ['-o', one]),
]

/** A support engineer at their own desk: makes keys, asks the API for certificates, and calls ssh by the support path. */
export const createEngineer = ({ house }: Rig, browser: Browser) => {
  const folder = join(MACHINES_DIRECTORY, 'engineer')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  let keys = 0

  const newKey = async (): Promise<SshIdentity> => {
    keys += 1
    const key = join(folder, `key${keys}`)
    await mustRun(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'rig', '-f', key])
    return { key, publicKey: (await mustRun(['ssh-keygen', '-y', '-f', key])).trim() }
  }

  const withCertificate = (identity: SshIdentity, line: string): SshIdentity => {
    const certificate = `${identity.key}.certificate.pub`
    writeFileSync(certificate, `${line}\n`, { mode: 0o600 })
    return { ...identity, certificate }
  }

  const ask = (agent: RigAgent, publicKey: string, minutes: number): Promise<Reply> =>
    browser.post('/api/support/certificates', { agentId: agent.id, publicKey, reason: REASON, minutes })

  const words = (machine: Machine, identity: SshIdentity, command: string | null, how: How): string[] => [
    ...['ssh', ...NO_HABITS, '-i', identity.key, ...(how.options ?? [])],
    ...(identity.certificate === undefined ? [] : ['-o', `CertificateFile=${identity.certificate}`]),
    `${how.user ?? 'support'}@${machine.link.address}`,
    ...(command === null ? [] : [command]),
  ]

  return {
    newKey,
    ask,
    /** A key with a certificate of the API, as `vestibule ssh` has it. */
    certify: async (agent: RigAgent, minutes = 5): Promise<SshIdentity> => {
      const identity = await newKey()
      const issued = await ask(agent, identity.publicKey, minutes)
      if (issued.status !== 201) throw new Error(`no certificate: ${issued.text}`)
      return withCertificate(identity, issued.body.certificate)
    },
    /** One that the API would not give: signed by the real CA, with some of it otherwise. */
    forge: async (agent: RigAgent, otherwise: Partial<CertificateRequest>): Promise<SshIdentity> => {
      const identity = await newKey()
      const key = readPublicKey(identity.publicKey)
      if (!key.ok) throw new Error('the key that ssh-keygen made is not read')
      const { ca } = house.product.deps
      const request: CertificateRequest = {
        ...{ key: key.value, nonce: Buffer.alloc(32, 7), serial: 1n, keyId: 'rig', caPoint: await ca.publicPoint() },
        principal: supportPrincipal(agent.id as never),
        validAfter: new Date(Date.now() - 60_000),
        validBefore: new Date(Date.now() + 300_000),
        ...otherwise,
      }
      return withCertificate(identity, certificateLine(request, await ca.sign(toBeSigned(request))))
    },
    /** One of another CA, with the right principal. */
    certifyElsewhere: async (agent: RigAgent): Promise<SshIdentity> => {
      const [authority, identity] = [await newKey(), await newKey()]
      const principal = supportPrincipal(agent.id as never)
      await mustRun([
        ...['ssh-keygen', '-q', '-s', authority.key, '-I', 'rig', '-n', principal, '-V', '+5m'],
        `${identity.key}.pub`,
      ])
      return { ...identity, certificate: `${identity.key}-cert.pub` }
    },
    ssh: (machine: Machine, identity: SshIdentity, command: string | null, how: How = {}): Promise<Ran> =>
      run(words(machine, identity, command, how), { timeoutSeconds: 150 }),
  }
}

export type Engineer = ReturnType<typeof createEngineer>
