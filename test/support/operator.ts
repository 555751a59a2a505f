import { createOperator } from '../../lambdas/entry/operator.aws.ts'
import type { Harness } from './harness.ts'

/** The operator at the embedded AWS, with the harness's clients or with clients of their own. */
export const operatorOf = (
  house: Harness,
  clients: Pick<Harness['clients'], 'dynamo' | 'secrets' | 's3' | 'kms'> = house.clients,
) =>
  createOperator(
    clients,
    {
      ...house.names,
      siteBucket: 'vestibule-requests',
      originProofSecret: house.names.sessionKeysSecret,
      assetsBucket: 'vestibule-requests',
      releaseKey: house.names.supportCaKey,
    },
    { clock: house.clock, random: house.deps.random, pause: house.deps.pause, logger: house.deps.logger },
  )
