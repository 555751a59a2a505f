import { string, p256Blob, type SshPublicKey, uint32, uint64 } from './ssh-wire.ts'

/** Pure: no I/O, no clock. User certificates as OpenSSH's PROTOCOL.certkeys describes them. */

const USER_CERTIFICATE = 1
/** A shell, and nothing else: no forwarding of ports, agents or X11, no file of the user's own that runs first. */
const EXTENSIONS = ['permit-pty']

export interface CertificateRequest {
  key: SshPublicKey
  nonce: Uint8Array
  serial: bigint
  /** Who and why, as sshd writes it into its log at each login. */
  keyId: string
  principal: string
  validAfter: Date
  validBefore: Date
  caPoint: Uint8Array
}

const certificateType = (key: SshPublicKey): string => `${key.type}-cert-v01@openssh.com`
const seconds = (at: Date): bigint => BigInt(Math.floor(at.getTime() / 1000))

/** What the CA signs. Throws for an empty principal: OpenSSH would let such a certificate in as anybody. */
export const toBeSigned = (request: CertificateRequest): Buffer => {
  if (request.principal === '') throw new Error('a certificate needs a principal; name the agent that it is for')
  return Buffer.concat([
    string(certificateType(request.key)),
    string(request.nonce),
    request.key.fields,
    uint64(request.serial),
    uint32(USER_CERTIFICATE),
    string(request.keyId),
    string(string(request.principal)),
    uint64(seconds(request.validAfter)),
    uint64(seconds(request.validBefore)),
    string(''),
    string(Buffer.concat(EXTENSIONS.flatMap((name) => [string(name), string('')]))),
    string(''),
    string(p256Blob(request.caPoint)),
  ])
}

/** The line of a `-cert.pub` file. */
export const certificateLine = (request: CertificateRequest, signature: Uint8Array): string =>
  `${certificateType(request.key)} ${Buffer.concat([toBeSigned(request), string(signature)]).toString('base64')} ${request.keyId}`
