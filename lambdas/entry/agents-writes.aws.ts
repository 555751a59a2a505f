import { createProvisionRequests } from '../agents/provision-requests.aws.ts'
import { createKmsClient } from '../aws/kms-client.aws.ts'
import { createS3Client } from '../aws/s3-client.aws.ts'
import type { Clock, Pause } from '../core/clock.ts'
import type { KeyPlace } from '../credentials/tenant-key-policy.ts'
import { createTenantKeys } from '../credentials/tenant-keys.aws.ts'
import { createTrustedCas } from '../support/support-ca.aws.ts'
import type { Ambient } from './deps.aws.ts'

export const createRequests = (bucket: string, { clock, random }: Ambient) =>
  createProvisionRequests({ s3: createS3Client({}), bucket, clock, random })

export const createKeys = (place: KeyPlace, { clock, pause }: { clock: Clock; pause: Pause }) =>
  createTenantKeys({ kms: createKmsClient({}), place, clock, pause })

export const createCas = (keyIds: readonly string[]) => createTrustedCas({ kms: createKmsClient({}), keyIds })
