import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import type { AppEnv } from '../lambdas/http/request.ts'
import { EMBEDDED_PLACE } from '../local/aws/embedded-aws.ts'
import type { FrontCertificate } from './certificates.ts'
import type { CredentialIssuer } from './instance-credentials.ts'
import { passOn, passOnUpgrade } from './proxy.ts'
import { ADDRESSES, SITE_HOST } from './place.ts'
import { checkSignature, type NotBelieved, type SignedRequest } from './signature.ts'

const { region } = EMBEDDED_PLACE
const S3_HOST = `s3.${region}.amazonaws.com`
const AWS_HOSTS: Record<string, string> = {
  [`sts.${region}.amazonaws.com`]: 'sts',
  [`secretsmanager.${region}.amazonaws.com`]: 'secretsmanager',
}

/** The names that a machine knows of the site and of AWS, one bucket's own among them. */
export const frontHosts = (bucket: string): string[] => [SITE_HOST, ...Object.keys(AWS_HOSTS), `${bucket}.${S3_HOST}`]

/** What travels from hop to hop and is not part of the request. */
const HOP_HEADERS = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'expect'])

interface AwsTarget {
  service: string
  /** The bucket that was in the host's name. */
  bucket?: string
}

const awsTargetOf = (host: string): AwsTarget | null => {
  const service = AWS_HOSTS[host]
  if (service !== undefined) return { service }
  return host.endsWith(`.${S3_HOST}`) ? { service: 's3', bucket: host.slice(0, -S3_HOST.length - 1) } : null
}

const refuse = (response: ServerResponse, { service }: AwsTarget, { code, because }: NotBelieved): void => {
  const isJson = service === 'secretsmanager'
  response.writeHead(403, { 'content-type': isJson ? 'application/x-amz-json-1.1' : 'text/xml' })
  response.end(
    isJson
      ? JSON.stringify({ __type: code, message: because })
      : `<Error><Code>${code}</Code><Message>${because}</Message></Error>`,
  )
}

/**
 * The one address that machines reach over HTTPS: the site's API, and AWS by its own host names, behind a certificate that the
 * machines trust. AWS requests are held to their signature before they go on.
 */
export const serveFront = async (input: {
  certificate: FrontCertificate
  app: Hono<AppEnv>
  /** Where the embedded AWS answers to machines. */
  awsUrl: string
  credentials: CredentialIssuer
  /** Hosts that are neither the site nor AWS, and the servers on loopback that play them. */
  others: ReadonlyMap<string, URL>
}) => {
  const { certificate, app, awsUrl, credentials } = input
  const disbelieved: string[] = []
  const toApp = getRequestListener((request, env) => app.fetch(request, { ...env }), { hostname: SITE_HOST })

  const toAws = async (target: AwsTarget, message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(message)
    const [path = '/', query = ''] = (message.url ?? '/').split('?', 2)
    const request: SignedRequest = {
      ...{ method: message.method ?? 'GET', path, body },
      query: new URLSearchParams(query),
      headers: message.headers,
    }
    const doubt = checkSignature(request, { service: target.service, region, now: new Date() }, credentials)
    if (doubt !== null) {
      disbelieved.push(`${target.service} ${doubt.code}: ${doubt.because}`)
      refuse(response, target, doubt)
      return
    }
    const headers = Object.entries(message.headers).flatMap(([name, value]): [string, string][] =>
      HOP_HEADERS.has(name) || value === undefined ? [] : [[name, [value].flat().join(',')]],
    )
    const bucketPath = target.bucket === undefined ? path : `/${target.bucket}${path}`
    const answer = await fetch(`${awsUrl}${bucketPath}${query === '' ? '' : `?${query}`}`, {
      method: request.method,
      headers,
      body: body.length === 0 ? undefined : new Uint8Array(body),
    })
    const content = Buffer.from(await answer.arrayBuffer())
    response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), 'content-length': content.length })
    response.end(content)
  }

  const server = createServer({ cert: certificate.certificate, key: certificate.key }, (message, response) => {
    const host = (message.headers.host ?? '').toLowerCase()
    const target = awsTargetOf(host)
    const other = input.others.get(host)
    if (host === SITE_HOST) void toApp(message, response)
    else if (target !== null) toAws(target, message, response).catch(() => response.destroy())
    else if (other !== undefined) passOn(other, message, response)
    else response.writeHead(421).end()
  })
  server.on('upgrade', (message, socket, head) => {
    const other = input.others.get((message.headers.host ?? '').toLowerCase())
    if (other === undefined) socket.destroy()
    else passOnUpgrade(other, message, socket, head)
  })
  server.listen(443, ADDRESSES.front)
  await once(server, 'listening')
  return {
    server,
    /** AWS requests that were not believed, and why. */
    disbelieved,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
