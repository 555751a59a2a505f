import { SQSClient } from '@aws-sdk/client-sqs'
import { CLIENT_DEFAULTS, type ClientOptions } from './clients.aws.ts'

export const createSqsClient = (options: ClientOptions) => new SQSClient({ ...CLIENT_DEFAULTS, ...options })
