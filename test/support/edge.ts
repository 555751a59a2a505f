import { createContext, runInContext } from 'node:vm'
import type { Templates } from './templates.ts'

interface EdgeRequest {
  method: string
  uri: string
  headers: Record<string, { value: string }>
}

/** CloudFront as the template sets it up: which behaviour, what its function does, what is added on the way to the API. */
export const createEdge = (templates: Templates, readSecret: (arn: string, field: string) => Promise<string>) => {
  const [distribution] = templates.ofType('AWS::CloudFront::Distribution')
  if (distribution === undefined) throw new Error('the web template has no distribution')
  const config = templates.resolve(distribution.stack, distribution.Properties.DistributionConfig)

  const codeOf = (arn: string): string => {
    const fn = templates.ofType('AWS::CloudFront::Function').find(({ id }) => arn.includes(id))
    if (fn === undefined) throw new Error(`the distribution names the function ${arn}, which is in no template`)
    return fn.Properties.FunctionCode
  }

  const runFunction = (arn: string, event: unknown): any =>
    runInContext(`${codeOf(arn)};handler(event)`, createContext({ event }), { timeout: 1000 })

  const behaviourOf = (path: string) =>
    config.CacheBehaviors.find(({ PathPattern }: any) => path.startsWith(PathPattern.replace('*', ''))) ??
    config.DefaultCacheBehavior

  const fillSecrets = async (text: string): Promise<string> => {
    const [, arn, field] = /^\{\{resolve:secretsmanager:(.+):SecretString:(\w+)::\}\}$/.exec(text) ?? []
    return arn === undefined || field === undefined ? text : readSecret(arn, field)
  }

  return {
    config,
    behaviourOf,
    /** A request as the origin gets it, and which origin that is. */
    forward: async (request: EdgeRequest, viewerAddress: string) => {
      const behaviour = behaviourOf(request.uri)
      const [onRequest] = behaviour.FunctionAssociations.filter(({ EventType }: any) => EventType === 'viewer-request')
      const event = { viewer: { ip: viewerAddress }, request: structuredClone(request) }
      const forwarded: EdgeRequest = onRequest === undefined ? request : runFunction(onRequest.FunctionARN, event)
      const origin = config.Origins.find(({ Id }: any) => Id === behaviour.TargetOriginId)
      const headers = Object.fromEntries(Object.entries(forwarded.headers).map(([name, { value }]) => [name, value]))
      for (const { HeaderName, HeaderValue } of origin.OriginCustomHeaders ?? []) {
        headers[HeaderName.toLowerCase()] = await fillSecrets(HeaderValue)
      }
      return { origin: origin.DomainName as string, uri: forwarded.uri, method: forwarded.method, headers }
    },
    /** What the viewer gets of an answer to a request that was forwarded as `uri`. */
    respond: (
      uri: string,
      response: { statusCode: number; headers: Record<string, { value: string }> },
    ): { statusCode: number } => {
      const behaviour = behaviourOf(uri)
      const [onResponse] = behaviour.FunctionAssociations.filter(
        ({ EventType }: any) => EventType === 'viewer-response',
      )
      return onResponse === undefined
        ? response
        : runFunction(onResponse.FunctionARN, { request: { uri }, response: structuredClone(response) })
    },
  }
}
