import { createHmac } from 'node:crypto'
import { equalsConstantTime, sha256Hex } from '../lambdas/core/digest.ts'
import type { CredentialIssuer } from './instance-credentials.ts'

/** A request as it came in over HTTPS: nothing decoded, header names in small letters. */
export interface SignedRequest {
  method: string
  path: string
  query: URLSearchParams
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: Buffer
}

/** What AWS says about a request that it does not believe, by the name that AWS has for it. */
export interface NotBelieved {
  code: 'MissingAuthenticationToken' | 'InvalidClientTokenId' | 'RequestExpired' | 'SignatureDoesNotMatch'
  because: string
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=(\w+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request,\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})$/
const MAX_SKEW_MILLISECONDS = 5 * 60_000

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

const headerOf = ({ headers }: SignedRequest, name: string): string =>
  [headers[name] ?? '']
    .flat()
    .map((value) => value.trim().replaceAll(/ +/g, ' '))
    .join(',')

const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

const canonicalQuery = (query: URLSearchParams): string =>
  [...query]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join('&')

/** S3 takes the hash that the request states, and holds the body to it; the others hash what they got. */
const payloadHash = (request: SignedRequest, service: string): string =>
  service === 's3' ? headerOf(request, 'x-amz-content-sha256') : sha256Hex(request.body)

const canonicalRequest = (request: SignedRequest, service: string, signedHeaders: readonly string[]): string =>
  [
    request.method,
    // S3 signs the path as it was sent; the others encode it once more.
    service === 's3' ? request.path : request.path.split('/').map(encode).join('/'),
    canonicalQuery(request.query),
    ...signedHeaders.map((name) => `${name}:${headerOf(request, name)}`),
    '',
    signedHeaders.join(';'),
    payloadHash(request, service),
  ].join('\n')

const toDate = (stamp: string): number => {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp) ?? []
  const [year = 0, month = 0, day, hour, minute, second] = parts.map(Number)
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

const mustBeSigned = (request: SignedRequest): string[] => [
  'host',
  ...Object.keys(request.headers).filter((name) => name.startsWith('x-amz-')),
]

/**
 * Holds a request to its signature (AWS General Reference, "Signature Version 4 signing process"): made with credentials that we
 * handed out, for this service and region, now, over this host, path, query and body. Null when it holds.
 */
export const checkSignature = (
  request: SignedRequest,
  expected: { service: string; region: string; now: Date },
  credentials: CredentialIssuer,
): NotBelieved | null => {
  const [, accessKeyId = '', day = '', region = '', service = '', names = '', signature = ''] =
    AUTHORIZATION.exec(headerOf(request, 'authorization')) ?? []
  if (accessKeyId === '') return { code: 'MissingAuthenticationToken', because: 'there is no signature' }
  const issued = credentials.find(accessKeyId)
  if (issued === null || headerOf(request, 'x-amz-security-token') !== issued.sessionToken)
    return { code: 'InvalidClientTokenId', because: 'the credentials were not handed out' }
  const stamp = headerOf(request, 'x-amz-date')
  const isYoung = Math.abs(expected.now.getTime() - toDate(stamp)) <= MAX_SKEW_MILLISECONDS
  if (!isYoung || issued.expiresAt < expected.now || !stamp.startsWith(day))
    return { code: 'RequestExpired', because: `signed at ${stamp}` }
  const signedHeaders = names.split(';')
  const unsigned = mustBeSigned(request).filter((name) => !signedHeaders.includes(name))
  const mismatch = (because: string): NotBelieved => ({ code: 'SignatureDoesNotMatch', because })
  if (service !== expected.service || region !== expected.region) return mismatch(`signed for ${service} in ${region}`)
  if (unsigned.length > 0) return mismatch(`not signed: ${unsigned.join(', ')}`)
  if (service === 's3' && !['UNSIGNED-PAYLOAD', sha256Hex(request.body)].includes(payloadHash(request, service)))
    return mismatch('x-amz-content-sha256 is not that of the body')
  const scope = `${day}/${region}/${service}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope, sha256Hex(canonicalRequest(request, service, signedHeaders))].join(
    '\n',
  )
  const key = [region, service, 'aws4_request'].reduce<Buffer>(hmac, hmac(`AWS4${issued.secretAccessKey}`, day))
  return equalsConstantTime(hmac(key, toSign), Buffer.from(signature, 'hex')) ? null : mismatch('another signature')
}
