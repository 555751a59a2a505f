import { GetWebIdentityTokenCommand } from '@aws-sdk/client-sts'
import { RUNTIME_HASH } from '../../local/stand-in-instance.ts'
import { EMBEDDED_PLACE, type EmbeddedAws } from '../../local/aws/embedded-aws.ts'
import type { Browser, Reply } from './browser.ts'
import type { Harness } from './harness.ts'

export interface SeenMachine {
  id: string
  state: string
  groups: string[]
}

/** Every machine that EC2 knows, as it is. */
export const listMachines = ({ aws }: Harness): SeenMachine[] =>
  aws.database
    .all('SELECT id, state, groups FROM ec2_instance')
    .map((row) => ({ id: String(row.id), state: String(row.state), groups: JSON.parse(String(row.groups)) }))

export const liveMachines = (house: Harness): SeenMachine[] =>
  listMachines(house).filter(({ state }) => state !== 'terminated')

/** Sends a heartbeat of one machine, with a fresh proof: what it says beyond that it is alive and as it was launched. */
export const sendBeat = async (
  { aws, browser, audience }: { aws: EmbeddedAws; browser: Browser; audience: string },
  machineId: string,
  more: Record<string, unknown>,
): Promise<Reply> => {
  const { region, accountId } = EMBEDDED_PLACE
  const { WebIdentityToken: proof } = await aws
    .createStsClientOf(`arn:aws:ec2:${region}:${accountId}:instance/${machineId}`)
    .send(new GetWebIdentityTokenCommand({ Audience: [audience], SigningAlgorithm: 'ES384', DurationSeconds: 300 }))
  return browser.post('/api/agent/heartbeat', { proof, runtimeHash: RUNTIME_HASH, ...more }, { origin: null })
}

export const beatAs = (house: Harness, machineId: string, more: Record<string, unknown> = {}): Promise<Reply> =>
  sendBeat(
    {
      aws: house.aws,
      browser: house.browse({ address: '198.51.100.7' }),
      audience: house.provisioning.settings.proofAudience,
    },
    machineId,
    more,
  )
