import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { callAws, tryAws } from '../aws/errors.aws.ts'
import { newProvisionRequestId } from '../contract/ids.ts'
import { provisionRequestKey } from '../contract/names.ts'
import { ProvisionRequest, type ProvisionVerb } from '../contract/provisioning.ts'
import type { Clock } from '../core/clock.ts'
import { parseJson } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import { fail, ok, type Result } from '../core/result.ts'
import type { Agent } from './agent.ts'

const MAX_BYTES = 4096

/**
 * The S3 documents that ask for work on a machine: ids, times and booleans, each written once. Their event starts the
 * provisioner; the agent's row says what is to be done, so a lost event only delays it.
 */
export const createProvisionRequests = (deps: { s3: S3Client; bucket: string; clock: Clock; random: Random }) => {
  const { s3, bucket, clock, random } = deps

  return {
    put: async (agent: Agent, verb: ProvisionVerb): Promise<void> => {
      const now = clock.now()
      const request = ProvisionRequest.parse({
        version: 1,
        requestId: newProvisionRequestId(now, random),
        tenantId: agent.tenantId,
        agentId: agent.agentId,
        verb,
        requestedAt: now.toISOString(),
        supportAccess: agent.supportAccess,
        credentials: {
          claudeCodeToken: agent.credentials.claudeCodeToken.provided,
          anthropicApiKey: agent.credentials.anthropicApiKey.provided,
          githubToken: agent.credentials.githubToken.provided,
          slackBotToken: agent.credentials.slackBotToken.provided,
          slackAppToken: agent.credentials.slackAppToken.provided,
        },
      } satisfies Record<keyof ProvisionRequest, unknown>)
      await tryAws('s3', ['PreconditionFailed'], () =>
        s3.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: provisionRequestKey(request.verb, request.tenantId, request.agentId, request.requestId),
            Body: JSON.stringify(request),
            ContentType: 'application/json',
            IfNoneMatch: '*',
          }),
        ),
      )
    },

    /** Reads a request back. One that was tampered with, or lies under another's key, is refused. */
    get: async (key: string): Promise<Result<ProvisionRequest, { reason: 'request_missing' | 'request_invalid' }>> => {
      const got = await tryAws('s3', ['NoSuchKey'], () => s3.send(new GetObjectCommand({ Bucket: bucket, Key: key })))
      if (!got.ok) return fail({ reason: 'request_missing' })
      const { Body: body, ContentLength: bytes = 0 } = got.value
      if (body === undefined || bytes > MAX_BYTES) return fail({ reason: 'request_invalid' })
      const json = parseJson(await callAws('s3', () => body.transformToString()))
      const request = json.ok ? ProvisionRequest.safeParse(json.value) : null
      if (request?.success !== true) return fail({ reason: 'request_invalid' })
      const { verb, tenantId, agentId, requestId } = request.data
      return key === provisionRequestKey(verb, tenantId, agentId, requestId)
        ? ok(request.data)
        : fail({ reason: 'request_invalid' })
    },
  }
}

export type ProvisionRequests = ReturnType<typeof createProvisionRequests>
