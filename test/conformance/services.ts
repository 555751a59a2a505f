import { randomUUID } from 'node:crypto'
import { EC2Client } from '@aws-sdk/client-ec2'
import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SQSClient } from '@aws-sdk/client-sqs'
import { createDynamoClient } from '../../lambdas/aws/clients.aws.ts'
import { createEmbeddedAws } from '../../local/aws/embedded-aws.ts'
import { systemClock } from '../../lambdas/core/clock.ts'

/** The AWS that the suite states its expectations of: the embedded one, or whatever AWS_ENDPOINT_URL points at. */
export const connect = async () => {
  const endpoint = process.env.AWS_ENDPOINT_URL
  const unique = randomUUID().slice(0, 8)
  if (endpoint === undefined || endpoint === '') {
    return {
      ...(await createEmbeddedAws({ directory: null, clock: systemClock })).createClients(),
      unique,
      embedded: true,
    }
  }
  const options = {
    endpoint,
    region: process.env.AWS_REGION ?? 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  }
  return {
    dynamo: createDynamoClient(options),
    secrets: new SecretsManagerClient(options),
    kms: new KMSClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
    sqs: new SQSClient(options),
    ec2: new EC2Client(options),
    unique,
    embedded: false,
  }
}

/** What a call was refused with. */
export const nameOf = async (action: Promise<unknown>): Promise<string> => {
  try {
    await action
    return 'no error'
  } catch (error) {
    return error instanceof Error ? error.name : 'not an error'
  }
}
