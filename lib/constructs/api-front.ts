import { RemovalPolicy } from 'aws-cdk-lib'
import * as apigateway from 'aws-cdk-lib/aws-apigatewayv2'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as logs from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'

/** For the whole API; the product's own limits are per address and account. */
const REQUESTS_PER_SECOND = 200
const BURST = 400

/** What one request was, never what it carried: no query, no cookie, no header, no address. */
const ACCESS_LOG_FORMAT = {
  requestId: '$context.requestId',
  at: '$context.requestTime',
  route: '$context.routeKey',
  status: '$context.status',
  bytes: '$context.responseLength',
  milliseconds: '$context.responseLatency',
  integrationError: '$context.integrationErrorMessage',
}

/** The API's front door: throttled and logged. Which function answers what is added by the stack that has the functions. */
export const createApiFront = (
  scope: Construct,
  id: string,
  key: kms.IKey,
  logRetentionDays: number,
): apigateway.HttpApi => {
  const api = new apigateway.HttpApi(scope, id, { createDefaultStage: false })
  const logGroup = new logs.LogGroup(scope, `${id}Log`, {
    retention: logRetentionDays,
    encryptionKey: key,
    removalPolicy: RemovalPolicy.RETAIN,
  })
  new apigateway.CfnStage(scope, `${id}Stage`, {
    apiId: api.apiId,
    stageName: '$default',
    autoDeploy: true,
    defaultRouteSettings: { throttlingRateLimit: REQUESTS_PER_SECOND, throttlingBurstLimit: BURST },
    accessLogSettings: { destinationArn: logGroup.logGroupArn, format: JSON.stringify(ACCESS_LOG_FORMAT) },
  })
  return api
}
