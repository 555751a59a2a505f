import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun } from './program.ts'

const DAYS = '2'

export interface FrontCertificate {
  /** PEM, for the machines to trust. */
  authority: string
  certificate: string
  key: string
}

/** A certificate authority for this run alone, and one certificate of it for all names that the front answers to. */
export const createCertificate = async (directory: string, hosts: readonly string[]): Promise<FrontCertificate> => {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = (name: string): string => join(directory, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc']
  await mustRun([
    ...['openssl', 'req', '-x509', ...newKey, '-days', DAYS, '-subj', '/CN=Vestibule rig'],
    ...['-addext', 'keyUsage=critical,keyCertSign', '-keyout', path('ca.key'), '-out', path('ca.crt')],
  ])
  await mustRun([
    ...['openssl', 'req', ...newKey, '-subj', '/CN=front', '-keyout', path('front.key'), '-out', path('front.csr')],
  ])
  const names = hosts.map((host) => `DNS:${host}`).join(',')
  writeFileSync(path('front.ext'), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`)
  await mustRun([
    ...['openssl', 'x509', '-req', '-in', path('front.csr'), '-days', DAYS, '-extfile', path('front.ext')],
    ...['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-out', path('front.crt')],
  ])
  const read = (name: string): string => readFileSync(path(name), 'utf8')
  return { authority: read('ca.crt'), certificate: read('front.crt'), key: read('front.key') }
}
