import { createKmsClient } from '../aws/kms-client.aws.ts'
import { createSupportCa } from '../support/support-ca.aws.ts'

export const createCa = (keyId: string) => createSupportCa({ kms: createKmsClient({}), keyId })
