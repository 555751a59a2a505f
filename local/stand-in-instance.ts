import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { GetWebIdentityTokenCommand } from '@aws-sdk/client-sts'
import * as z from 'zod'
import { BootStep } from '../lambdas/contract/instance.ts'
import { TAGS } from '../lambdas/contract/tags.ts'
import type { Clock } from '../lambdas/core/clock.ts'
import { sha256Hex } from '../lambdas/core/digest.ts'
import type { Logger } from '../lambdas/core/logger.ts'
import type { EmbeddedAws } from './aws/embedded-aws.ts'
import type { EmbeddedInstance } from './aws/ec2.ts'

const Instructions = z.object({ apiUrl: z.string(), proofAudience: z.string() })
const Memory = z.object({ step: BootStep, beatAt: z.number() })
type Memory = z.infer<typeof Memory>

const NEXT_STEP: Record<BootStep, BootStep> = {
  started: 'enrolled',
  enrolled: 'credentials_read',
  credentials_read: 'agent_started',
  agent_started: 'ready',
  ready: 'ready',
}
const BEAT_MILLISECONDS = 5_000
/** What a stand-in says it runs. */
export const RUNTIME_HASH = sha256Hex('vestibule stand-in instance')

const readInstructions = (userData: string) => {
  const content = /^ {4}content: '(.*)'$/m.exec(userData)?.[1] ?? 'null'
  return Instructions.parse(JSON.parse(content))
}

const readMemory = (guest: string): Memory =>
  guest === '' ? { step: 'started', beatAt: 0 } : Memory.parse(JSON.parse(guest))

/**
 * What a machine would do after it booted: prove which one it is, enrol, read its own secret once it is bound to it, report
 * each step, then go on saying that it is alive. It talks to the API as a real one does.
 */
export const createStandIns = (input: {
  aws: EmbeddedAws
  secrets: SecretsManagerClient
  secretIdOf: (instanceId: string) => Promise<string | null>
  post: (url: string, body: unknown) => Promise<number>
  clock: Clock
  logger: Logger
}) => {
  const { aws, secrets, secretIdOf, post, clock, logger } = input

  const prove = async ({ arn }: EmbeddedInstance, audience: string): Promise<string> => {
    const { WebIdentityToken = '' } = await aws
      .createStsClientOf(arn)
      .send(new GetWebIdentityTokenCommand({ Audience: [audience], SigningAlgorithm: 'ES384', DurationSeconds: 300 }))
    return WebIdentityToken
  }

  /** The role of a machine may read a secret only while the secret's tag names that machine. */
  const canReadSecret = async ({ id, arn }: EmbeddedInstance): Promise<boolean> => {
    const secretId = await secretIdOf(id)
    if (secretId === null) return false
    const { Tags = [] } = await secrets.send(new DescribeSecretCommand({ SecretId: secretId }))
    if (!Tags.some(({ Key, Value }) => Key === TAGS.instanceArn && Value === arn)) return false
    await secrets.send(new GetSecretValueCommand({ SecretId: secretId, VersionStage: 'AWSCURRENT' }))
    return true
  }

  const act = async (machine: EmbeddedInstance): Promise<void> => {
    const { apiUrl, proofAudience } = readInstructions(machine.userData)
    const memory = readMemory(machine.guest)
    const now = clock.now().getTime()
    if (memory.step === 'ready' && now - memory.beatAt < BEAT_MILLISECONDS) return
    const step = NEXT_STEP[memory.step]
    if (step === 'credentials_read' && !(await canReadSecret(machine))) return
    const proof = await prove(machine, proofAudience)
    const status =
      step === 'enrolled'
        ? await post(`${apiUrl}/api/agent/enroll`, { proof })
        : await post(`${apiUrl}/api/agent/heartbeat`, { proof, bootStep: step, runtimeHash: RUNTIME_HASH })
    const remember = (next: BootStep): void => {
      aws.machines.rememberGuest(machine.id, JSON.stringify({ step: next, beatAt: now }))
    }
    if (status === 200) remember(step)
    // Refused: enrolled before and the answer was lost, or asked before the launch was written down. The next call tells.
    else if (status === 403 && step === 'enrolled') remember('enrolled')
    else if (status === 403 && step === 'credentials_read') remember('started')
  }

  /** Lets every running machine do the next thing it has to do. */
  return async (): Promise<void> => {
    for (const machine of aws.machines.listRunning()) {
      try {
        await act(machine)
      } catch (error) {
        const errorName = error instanceof Error ? error.name : 'unknown'
        logger.warn('a machine could not take its next step', { instanceId: machine.id, errorName })
      }
    }
  }
}
