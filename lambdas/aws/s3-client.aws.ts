import { S3Client } from '@aws-sdk/client-s3'
import { CLIENT_DEFAULTS, type ClientOptions } from './clients.aws.ts'

/** Path style where an endpoint is given: what is not AWS seldom has a host name for each bucket. */
export const createS3Client = (options: ClientOptions & { forcePathStyle?: boolean }) =>
  new S3Client({ ...CLIENT_DEFAULTS, forcePathStyle: options.endpoint !== undefined, ...options })
