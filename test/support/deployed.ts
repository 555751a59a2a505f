import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { proofAudience } from '../../lambdas/contract/instance.ts'
import { createLogger } from '../../lambdas/core/logger.ts'
import { systemClock } from '../../lambdas/core/clock.ts'
import { createEmbeddedAws, EMBEDDED_PLACE } from '../../local/aws/embedded-aws.ts'
import { AwsFault } from '../../local/aws/service.ts'
import { createStandIns } from '../../local/stand-in-instance.ts'
import { serveEmbeddedAws, type WireCall } from '../../local/aws/wire.ts'
import { createBrowser } from './browser.ts'
import { createEdge } from './edge.ts'
import { decide, type IamRequest, type Statement } from './iam-policy.ts'
import { iamRequestsOf, queueRequests, type Surroundings } from './iam-requests.ts'
import { sendBeat } from './machine.ts'
import { createResources } from './resources.ts'
import { type Resource, statementsOf, type Templates } from './templates.ts'

/** One thing that a function asked of IAM, and which of its statements allowed it. */
export interface Use {
  functionName: string
  request: IamRequest
  by: number[]
}

interface DeployedFunction {
  name: string
  resource: Resource
  statements: Statement[]
  /** For whoever wants to run it in a process of its own. */
  entry: { url: string; exportName: string }
  env: Record<string, string>
  invoke: (event: unknown) => Promise<any>
  close: () => Promise<unknown>
}

/** The name that a developer gave: `Identity/Function` has the logical id `IdentityFunction1A2B3C4D`. */
const nameOf = ({ id }: Resource): string => id.replace(/Function[0-9A-F]{8}$/, '').toLowerCase()

/** What each protocol calls "you may not". */
const DENIED: Record<string, string> = { ec2: 'UnauthorizedOperation', s3: 'AccessDenied' }

/**
 * The stacks, deployed onto an embedded AWS: each function runs the code that its template names, with the environment and the
 * rights that its template gives it, behind the edge, the gateway, the queues and the schedules of the templates.
 */
export const deploy = async (templates: Templates) => {
  const aws = await createEmbeddedAws({ directory: null, clock: systemClock })
  await createResources(aws, templates)
  const clients = aws.createClients()
  const { ofType, resolve } = templates
  const uses: Use[] = []
  let beforeCall: (call: WireCall) => Promise<void> = async () => undefined

  const [dataKey] = ofType('AWS::KMS::Key')
  const [profile] = ofType('AWS::IAM::InstanceProfile')
  const instanceRole = ofType('AWS::IAM::Role').find(({ id }) => id.startsWith('InstanceRole'))
  const [mailSet] = ofType('AWS::SES::ConfigurationSet')
  const arnOf = (resource: Resource | undefined): string =>
    resource === undefined ? '' : resolve(resource.stack, { 'Fn::GetAtt': [resource.id, 'Arn'] })
  const ses = `arn:aws:ses:${EMBEDDED_PLACE.region}:${EMBEDDED_PLACE.accountId}`
  const surroundings: Surroundings = {
    aws,
    dataKeyArn: arnOf(dataKey),
    instanceRoleArn: arnOf(instanceRole),
    instanceProfileArn: arnOf(profile),
    sesIdentity: `${ses}:identity/example.com`,
    configurationSetArn: `${ses}:configuration-set/${mailSet?.id}`,
  }

  const functions = new Map<string, DeployedFunction>()

  /** Refuses what the function's role does not allow, and writes down what it does. */
  const authorize = (functionName: string, requests: readonly IamRequest[], service: string): void => {
    const { statements = [] } = functions.get(functionName) ?? {}
    for (const request of requests) {
      const { allowed, by } = decide(statements, request)
      if (!allowed) {
        throw new AwsFault(
          DENIED[service] ?? 'AccessDeniedException',
          `${functionName} may not ${request.action} on ${request.resource} (${JSON.stringify(request.context).slice(0, 160)})`,
          { statusCode: service === 's3' || service === 'ec2' ? 403 : 400 },
        )
      }
      uses.push({ functionName, request, by })
    }
  }

  const denials: string[] = []
  const wire = await serveEmbeddedAws({
    serviceFor: (service) => (service in aws.services ? aws.services[service as keyof typeof aws.services] : null),
    hook: async (call, proceed) => {
      try {
        authorize(call.accessKeyId, iamRequestsOf(call, surroundings), call.service)
      } catch (error) {
        denials.push(error instanceof Error ? error.message : String(error))
        throw error
      }
      await beforeCall(call)
      return proceed()
    },
  })

  for (const resource of ofType('AWS::Lambda::Function')) {
    const name = nameOf(resource)
    const { Code, Handler, Environment, Role } = resource.Properties
    const directory = join(templates.directory, `asset.${String(Code.S3Key).replace('.zip', '')}`)
    const [moduleName = '', exportName = ''] = Handler.split('.')
    const file = ['mjs', 'js', 'cjs']
      .map((end) => join(directory, `${moduleName}.${end}`))
      .find((path) => existsSync(path))
    if (file === undefined) throw new Error(`${name}: its asset has no module ${moduleName}`)
    const role = ofType('AWS::IAM::Role').find(({ id }) => id === Role['Fn::GetAtt'][0])
    if (role === undefined) throw new Error(`${name} has no role in its template`)
    const entry = { url: pathToFileURL(file).href, exportName }
    const variables: Record<string, string> = resolve(resource.stack, Environment.Variables)
    // A client calls a queue at the queue's own address.
    const reachable = Object.entries(variables).map(([key, value]) => [key, value.replace('http://embedded', wire.url)])
    const env = {
      ...Object.fromEntries(reachable),
      AWS_REGION: EMBEDDED_PLACE.region,
      AWS_ACCESS_KEY_ID: name,
      AWS_SECRET_ACCESS_KEY: 'embedded',
      AWS_ENDPOINT_URL: wire.url,
    }
    const worker = new Worker(new URL('function-worker.mjs', import.meta.url), {
      workerData: { ...entry, issuerKeys: aws.issuerKeys },
      env,
      stderr: true,
    })
    worker.stderr.on('data', (chunk) => logs.push(String(chunk)))
    const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
    worker.on('message', ({ id, result, error }) => {
      const one = waiting.get(id)
      waiting.delete(id)
      if (error === undefined) one?.resolve(result)
      else one?.reject(new Error(`${name}: ${error}`))
    })
    let count = 0
    functions.set(name, {
      name,
      resource,
      entry,
      env,
      statements: statementsOf(templates, role),
      invoke: (event) =>
        new Promise((resolveOne, reject) => {
          count += 1
          waiting.set(count, { resolve: resolveOne, reject })
          worker.postMessage({ id: count, event })
        }),
      close: () => worker.terminate(),
    })
  }

  const edge = createEdge(templates, async (arn, field) => {
    const { SecretString = '{}' } = await clients.secrets.send(new GetSecretValueCommand({ SecretId: arn }))
    return JSON.parse(SecretString)[field] ?? ''
  })
  const siteOrigin = `https://site.cloudfront.net`

  const functionOf = (path: string): DeployedFunction => {
    const routes = ofType('AWS::ApiGatewayV2::Route').map((route) => ({
      route,
      path: route.Properties.RouteKey.split(' ')[1] as string,
    }))
    const fits = ({ path: pattern }: { path: string }) =>
      new RegExp(`^${pattern.replaceAll(/\{\w+\+\}/g, '.+').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path)
    const [best] = routes.filter(fits).toSorted((left, right) => rank(right.path) - rank(left.path))
    if (best === undefined) throw new Error(`no route of the gateway fits ${path}`)
    const integrationId = JSON.stringify(best.route.Properties.Target)
    const integration = ofType('AWS::ApiGatewayV2::Integration').find(({ id }) => integrationId.includes(id))
    const target = JSON.stringify(integration?.Properties.IntegrationUri)
    const found = [...functions.values()].find(({ resource }) => target.includes(resource.id))
    if (found === undefined) throw new Error(`the route ${best.path} leads to no function`)
    return found
  }

  /** A call as a browser makes it: edge, gateway, function, and back. */
  const fetchThroughEdge = async (request: Request): Promise<Response> => {
    const url = new URL(request.url)
    const { 'x-test-address': viewer = '203.0.113.10', ...given } = Object.fromEntries(request.headers)
    const asked = {
      method: request.method,
      uri: url.pathname,
      headers: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, { value }])),
    }
    const forwarded = await edge.forward(asked, viewer)
    const { cookie, ...headers } = forwarded.headers
    const result = await functionOf(forwarded.uri).invoke({
      version: '2.0',
      routeKey: '$default',
      rawPath: forwarded.uri,
      rawQueryString: url.search.slice(1),
      cookies: cookie === undefined ? undefined : cookie.split('; '),
      headers: { ...headers, host: forwarded.origin },
      requestContext: {
        http: {
          method: request.method,
          path: forwarded.uri,
          protocol: 'HTTP/1.1',
          sourceIp: '10.0.0.1',
          userAgent: '',
        },
        requestId: 'gateway',
        stage: '$default',
      },
      body: request.body === null ? undefined : await request.text(),
      isBase64Encoded: false,
    })
    const answered = new Headers(result.headers)
    for (const one of result.cookies ?? []) answered.append('set-cookie', one)
    return new Response(result.statusCode === 204 ? null : result.body, {
      status: result.statusCode,
      headers: answered,
    })
  }

  const sources = ofType('AWS::Lambda::EventSourceMapping').map((source) => {
    const { EventSourceArn, FunctionName, BatchSize } = resolve(source.stack, source.Properties)
    const queue = ofType('AWS::SQS::Queue').find((one) => arnOf(one) === EventSourceArn)
    const fn = [...functions.values()].find(({ resource }) => resource.id === FunctionName)
    if (queue === undefined || fn === undefined) throw new Error(`${source.id} joins what is not there`)
    return {
      queue,
      fn,
      url: resolve(queue.stack, { Ref: queue.id }) as string,
      arn: EventSourceArn as string,
      BatchSize,
    }
  })

  /** What Lambda's poller does for one queue: takes a batch with the function's rights, and puts back what failed. */
  const poll = async ({ fn, url, arn, BatchSize }: (typeof sources)[number]): Promise<number> => {
    authorize(
      fn.name,
      queueRequests(arn, ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'], surroundings),
      'sqs',
    )
    const { Messages = [] } = await clients.sqs.send(
      new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: BatchSize }),
    )
    if (Messages.length === 0) return 0
    const Records = Messages.map(({ MessageId, Body, ReceiptHandle }) => ({
      messageId: MessageId,
      receiptHandle: ReceiptHandle,
      body: Body,
      eventSource: 'aws:sqs',
      eventSourceARN: arn,
    }))
    const { batchItemFailures } = await fn.invoke({ Records })
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }: { itemIdentifier: string }) => itemIdentifier))
    for (const { MessageId, ReceiptHandle } of Messages) {
      if (!failed.has(MessageId)) await clients.sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }))
    }
    return Messages.length
  }

  /** Runs what the schedules start, once each. What fails goes to the function's dead letters, with the function's rights. */
  const tick = async (): Promise<void> => {
    for (const rule of ofType('AWS::Events::Rule').filter(
      ({ Properties }) => Properties.ScheduleExpression !== undefined,
    )) {
      const [target] = resolve(rule.stack, rule.Properties).Targets
      const fn = [...functions.values()].find(({ resource }) => arnOf(resource) === target.Arn)
      if (fn === undefined) throw new Error(`${rule.id} starts what is not there`)
      const event = { source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} }
      try {
        await fn.invoke(event)
      } catch {
        const arn = resolve(fn.resource.stack, fn.resource.Properties.DeadLetterConfig.TargetArn)
        authorize(fn.name, queueRequests(arn, ['SendMessage'], surroundings), 'sqs')
        const queue = ofType('AWS::SQS::Queue').find((one) => arnOf(one) === arn)
        const QueueUrl = resolve(queue?.stack ?? '', { Ref: queue?.id })
        await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(event) }))
      }
    }
  }

  const browse = (address?: string) => createBrowser({ fetch: fetchThroughEdge }, { origin: siteOrigin, address })
  const logs: string[] = []
  const [agentsTable] = ofType('AWS::DynamoDB::Table').filter(({ id }) => id.startsWith('Agents'))
  const standIns = createStandIns({
    aws,
    secrets: clients.secrets,
    secretIdOf: async (instanceId) => {
      const row = aws.database.get(
        'SELECT item FROM ddb_item WHERE tbl = ? AND pk = ?',
        resolve(agentsTable?.stack ?? '', { Ref: agentsTable?.id }),
        `INSTANCE#${instanceId}`,
      )
      const [, tenantId, agentId] =
        /"tenantId":\{"S":"(\w+)"\}.*"agentId":\{"S":"(\w+)"\}/.exec(ordered(String(row?.item ?? ''))) ?? []
      return agentId === undefined ? null : `vestibule/${stageOf(templates)}/tenant/${tenantId}/agent/${agentId}`
    },
    post: async (url, body) =>
      (await browse('198.51.100.7').post(new URL(url).pathname, body, { origin: null })).status,
    clock: systemClock,
    logger: createLogger({ write: (line) => void logs.push(line) }),
  })

  /** Lets machines, queues and stand-ins run until `done`, or throws after `seconds`. */
  const settle = async (
    done: () => Promise<boolean>,
    { seconds = 20, schedules = false, queues = true } = {},
  ): Promise<void> => {
    const end = Date.now() + seconds * 1000
    while (!(await done())) {
      if (Date.now() > end)
        throw new Error(
          `not settled in ${seconds} s; refused: ${[...new Set(denials)].slice(-4).join('; ') || 'nothing'}; ${logs.slice(-3).join('')}`,
        )
      aws.machines.advance()
      if (queues) for (const source of sources) while ((await poll(source)) > 0);
      if (schedules) await tick()
      await standIns()
      await sleep(40)
    }
  }

  return {
    aws,
    clients,
    wire,
    functions,
    uses,
    denials,
    logs,
    edge,
    siteOrigin,
    sources,
    browse,
    beat: (machineId: string, more: Record<string, unknown> = {}) =>
      sendBeat({ aws, browser: browse('198.51.100.7'), audience: proofAudience(siteOrigin) }, machineId, more),
    tick,
    settle,
    beforeEachCall: (hook: typeof beforeCall) => {
      beforeCall = hook
    },
    close: async () => {
      await Promise.all([...functions.values()].map(({ close }) => close()))
      await wire.close()
      aws.close()
    },
  }
}

export type Deployed = Awaited<ReturnType<typeof deploy>>

/** The gateway prefers an exact path, then one with parameters, then a greedy one; longer before shorter. */
const rank = (path: string): number => (path.includes('{proxy+}') ? 0 : path.includes('{') ? 1000 : 2000) + path.length

const ordered = (item: string): string => {
  if (item === '') return ''
  const { tenantId, agentId } = JSON.parse(item)
  return JSON.stringify({ tenantId, agentId })
}

const stageOf = (templates: Templates): string => {
  const [fn] = templates.ofType('AWS::Lambda::Function')
  return fn?.Properties.Environment.Variables.VESTIBULE_STAGE
}
