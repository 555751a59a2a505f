import { App, Stack } from 'aws-cdk-lib'
import { DescribeSecretCommand } from '@aws-sdk/client-secrets-manager'
import { instanceRights } from '../lib/rights/instance.ts'
import { placeOf } from '../lib/rights/place.ts'
import { proofAudience } from '../lambdas/contract/instance.ts'
import { EMBEDDED_PLACE, type EmbeddedAws } from '../local/aws/embedded-aws.ts'
import { AwsFault, type Service } from '../local/aws/service.ts'
import { serveEmbeddedAws, type WireCall } from '../local/aws/wire.ts'
import { LOCAL_STAGE } from '../local/installation.ts'
import { decide, type IamRequest, type Statement } from '../test/support/iam-policy.ts'
import { iamRequestsOf } from '../test/support/iam-requests.ts'
import type { CredentialIssuer } from './instance-credentials.ts'

const listOf = (value: unknown): string[] => [value].flat().map(String)

/** The statements of the role that all machines share, as the CDK app makes them, for this place and stage. */
export const instanceStatements = (siteOrigin: string, assetsBucket: string): Statement[] => {
  const stack = new Stack(new App(), 'Rig', {
    env: { region: EMBEDDED_PLACE.region, account: EMBEDDED_PLACE.accountId },
  })
  const rights = instanceRights(placeOf(stack, LOCAL_STAGE), proofAudience(siteOrigin), `arn:aws:s3:::${assetsBucket}`)
  return rights.map((right) => {
    const { Sid, Effect, Action, Resource, Condition = {} } = right.toStatementJson()
    return {
      ...{ Sid, Effect, Action: listOf(Action), Resource: listOf(Resource) },
      Condition: Object.fromEntries(
        Object.entries<object>(Condition).map(([operator, keys]) => [
          operator,
          Object.fromEntries(Object.entries(keys).map(([key, wanted]) => [key, listOf(wanted)])),
        ]),
      ),
    }
  })
}

export const instanceArnOf = (instanceId: string): string =>
  `arn:aws:ec2:${EMBEDDED_PLACE.region}:${EMBEDDED_PLACE.accountId}:instance/${instanceId}`

/** What each protocol calls "you may not". */
const DENIED: Record<string, string> = { s3: 'AccessDenied', sts: 'AccessDenied' }

/**
 * The embedded AWS as machines see it: who calls is the machine whose credentials sign, and every call is held to the
 * machines' role, as IAM would.
 */
export const serveAwsToMachines = async (input: {
  aws: EmbeddedAws
  statements: readonly Statement[]
  credentials: CredentialIssuer
}) => {
  const { aws, statements, credentials } = input
  const { secrets } = aws.createClients()
  const services = new Map<string, Service>(Object.entries(aws.services))
  const denials: string[] = []

  const callerOf = (accessKeyId: string): string => {
    const issued = credentials.find(accessKeyId)
    if (issued === null)
      throw new AwsFault('InvalidClientTokenId', 'The security token is not valid', { statusCode: 403 })
    return instanceArnOf(issued.instanceId)
  }

  const tagsOf = async (secretId: unknown): Promise<Record<string, string>> => {
    if (typeof secretId !== 'string') return {}
    try {
      const { Tags = [] } = await secrets.send(new DescribeSecretCommand({ SecretId: secretId }))
      return Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [`aws:ResourceTag/${Key}`, Value]))
    } catch (error) {
      if (error instanceof Error && error.name === 'ResourceNotFoundException') return {}
      throw error
    }
  }

  /** What a call asks of IAM. What no machine has to do with is asked for everything, which nothing allows. */
  const requestsOf = async (call: WireCall): Promise<IamRequest[]> => {
    const given = call.input as Record<string, unknown>
    const surroundings = {
      ...{ aws, dataKeyArn: '', instanceRoleArn: '', instanceProfileArn: '' },
      ...{ sesIdentity: '', configurationSetArn: '' },
    }
    switch (call.service) {
      case 'sts':
        return [
          {
            action: `sts:${call.operation}`,
            resource: '*',
            context: { 'sts:IdentityTokenAudience': listOf(given.Audience ?? []) },
          },
        ]
      case 'secretsmanager': {
        const [own, ...others] = iamRequestsOf(call, surroundings)
        const tags = await tagsOf(given.SecretId)
        return own === undefined ? [] : [{ ...own, context: { ...own.context, ...tags } }, ...others]
      }
      case 's3':
        return [{ action: `s3:${call.operation}`, resource: `arn:aws:s3:::${given.Bucket}/${given.Key}`, context: {} }]
      default:
        return [{ action: `${call.service}:${call.operation}`, resource: '*', context: {} }]
    }
  }

  const authorize = async (call: WireCall): Promise<void> => {
    const instanceArn = callerOf(call.accessKeyId)
    const whoCalls = { 'ec2:SourceInstanceARN': instanceArn, 'ec2:RoleDelivery': '2.0' }
    for (const request of await requestsOf(call)) {
      const { allowed } = decide(statements, { ...request, context: { ...request.context, ...whoCalls } })
      if (allowed) continue
      denials.push(`${instanceArn.split('/').at(-1)} ${request.action} ${request.resource}`)
      throw new AwsFault(
        DENIED[call.service] ?? 'AccessDeniedException',
        `User is not authorized to perform: ${request.action} on resource: ${request.resource}`,
        { statusCode: call.service === 's3' || call.service === 'sts' ? 403 : 400 },
      )
    }
  }

  const wire = await serveEmbeddedAws({
    serviceFor: (service, accessKeyId) =>
      service === 'sts' ? aws.stsServiceOf(callerOf(accessKeyId)) : (services.get(service) ?? null),
    hook: async (call, proceed) => {
      await authorize(call)
      return proceed()
    },
  })
  return { ...wire, denials }
}
