import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Instructions } from '../../lambdas/contract/instance.ts'
import { AgentId } from '../../lambdas/contract/ids.ts'
import { supportPrincipal } from '../../lambdas/contract/support.ts'
import { systemClock } from '../../lambdas/core/clock.ts'
import { createLogger, whereThrown } from '../../lambdas/core/logger.ts'
import { writeAtomically } from '../atomic-file.ts'
import { createMachineAws } from './aws.aws.ts'
import { createControlPlane } from './control-plane.ts'
import { createCredentialsFile } from './credentials-file.ts'
import { forbidMetadata, isActive, ownerOf, readAgentStatus, systemctl } from './machine.ts'
import { createReleaseReader } from './release.ts'
import { createSupervisor } from './supervise.ts'
import { createSupportAccess } from './support-access.ts'

/** What runs as root on an agent's machine, from boot to end (vestibule-supervisor.service). */

const AGENT_UNIT = 'vestibule-agent.service'
/** On the machine's own disk: it lasts over stops and starts, as its enrolment does. */
const ENROLLED = '/var/lib/vestibule/enrolled'
const AFTER_TROUBLE_SECONDS = 10

const instructions = Instructions.parse(JSON.parse(readFileSync('/etc/vestibule/agent.json', 'utf8')))
const logger = createLogger()
const aws = createMachineAws(instructions)

const supervisor = createSupervisor({
  controlPlane: createControlPlane({ apiUrl: instructions.apiUrl, prove: aws.prove, fetch }),
  readCredentials: aws.readCredentials,
  credentialsFile: createCredentialsFile({
    folder: '/run/vestibule/credentials',
    owner: await ownerOf('vestibule-agent'),
  }),
  readRelease: createReleaseReader(`/opt/vestibule/${instructions.release}`),
  forbidMetadata,
  agent: {
    start: async () => void (await systemctl('start', '--no-block', AGENT_UNIT)),
    drain: async () => void (await systemctl('stop', '--no-block', AGENT_UNIT)),
    isRunning: () => isActive(AGENT_UNIT),
    readStatus: () => readAgentStatus('/run/vestibule-agent/status.json'),
  },
  support: createSupportAccess({
    principal: supportPrincipal(AgentId.parse(instructions.agentId)),
    clock: systemClock,
  }),
  enrolment: { isNoted: async () => existsSync(ENROLLED), note: async () => writeAtomically(ENROLLED, '') },
  clock: systemClock,
  logger,
})

await systemctl('start', '--no-block', 'vestibule-tools.service')
for (;;) {
  let seconds = AFTER_TROUBLE_SECONDS
  try {
    seconds = await supervisor.step()
  } catch (error) {
    logger.error('a round of the supervisor failed', {
      errorName: error instanceof Error ? error.name : 'unknown',
      where: whereThrown(error),
    })
  }
  await sleep(seconds * 1000)
}
