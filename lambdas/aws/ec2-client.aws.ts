import { EC2Client } from '@aws-sdk/client-ec2'
import { CLIENT_DEFAULTS, type ClientOptions } from './clients.aws.ts'

/** Kept apart from the other clients: its schema is larger than all of theirs together. */
export const createEc2Client = (options: ClientOptions) => new EC2Client({ ...CLIENT_DEFAULTS, ...options })

/** For launches alone: each call has its own turn, which the SDK's own retries would not wait for. */
export const createLaunchClient = (options: ClientOptions) =>
  new EC2Client({ ...CLIENT_DEFAULTS, maxAttempts: 1, ...options })
