import { awsErrorName, DependencyError } from '../aws/errors.aws.ts'

/** How KMS answers about a key that it does not see everywhere yet (KMS Developer Guide, "Eventual consistency"). */
const NOT_SEEN_YET = new Set(['NotFoundException', 'AccessDeniedException'])

/** True for what KMS says of a key that it may only not know yet. */
export const isKeyTooEarly = (error: unknown): boolean => NOT_SEEN_YET.has(awsErrorName(error))

/** How Secrets Manager answers while KMS does not let it use a new key yet. */
const KEY_NOT_SEEN_YET = new Set(['AccessDeniedException', 'EncryptionFailure'])

/** True for what Secrets Manager says of a secret whose key it may only not be allowed to use yet. */
export const isSecretTooEarly = (error: unknown): boolean =>
  KEY_NOT_SEEN_YET.has(awsErrorName(error instanceof DependencyError ? error.cause : error))
