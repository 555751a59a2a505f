import { KMSClient } from '@aws-sdk/client-kms'
import { CLIENT_DEFAULTS, type ClientOptions } from './clients.aws.ts'

export const createKmsClient = (options: ClientOptions) => new KMSClient({ ...CLIENT_DEFAULTS, ...options })
