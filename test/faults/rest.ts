import { STRAY_SWEEP_SECONDS } from '../../lambdas/contract/facts.ts'
import { STRAY_KINDS } from '../../lambdas/contract/names.ts'
import type { EmbeddedAws } from '../../local/aws/embedded-aws.ts'
import type { Harness } from '../support/harness.ts'
import { readWorld, rowsOf } from './world.ts'

const PASSING = new Set(['requested', 'launching', 'booting', 'stopping', 'starting', 'deleting'])

/** True where nothing is on its way any more; what lies in the dead letters is an operator's. */
const isAtRest = (aws: EmbeddedAws): boolean => {
  const owes = readWorld(aws).agents.some(
    (agent) =>
      PASSING.has(agent.status) ||
      Object.keys(agent.pendingMerges).length > 0 ||
      (agent.status === 'failed' && agent.attempt > 0 && agent.cleared !== true) ||
      (agent.instance !== undefined && agent.status !== 'failed' && agent.status !== 'deleted'
        ? agent.supportPathOpen !== agent.supportAccess
        : false),
  )
  const messages = aws.database.get("SELECT count(*) AS n FROM sqs_message WHERE queue NOT LIKE '%-dead'")
  const mails = rowsOf(aws, 'vestibule-directory').some(({ pk }) => pk === 'OUTBOX')
  return !owes && Number(messages?.n) === 0 && !mails
}

/** How a machine boots: so many steps, each when it is let. */
const BOOT_STEPS = 5

/** Seconds between two looks: close at first, then further than any state may last. */
const LOOKS = [31, 61, 61, 61, 301, 301, 301, 301, 301, 301, 301, 301]

/** One pass looks for one kind of stray; what it finds is marked in one round and ended in a later one. */
const STRAY_ROUNDS = 3

/** Lets the reconciler find and end what nobody owns. */
const endStrays = async (house: Harness): Promise<void> => {
  for (let round = 0; round < STRAY_ROUNDS; round += 1) {
    house.clock.advanceSeconds(STRAY_SWEEP_SECONDS + 1)
    for (const _kind of STRAY_KINDS) {
      house.clock.advanceSeconds(61)
      await house.reconcile()
    }
    house.aws.machines.advance()
    while ((await house.work()) > 0);
  }
}

/**
 * Runs queues, machines and schedules without faults until nothing is due; false where something still is after longer than
 * everything may take. Without stand-ins no machine boots, and all of them are ended for it.
 */
export const comeToRest = async (house: Harness, { standIns }: { standIns: boolean }): Promise<boolean> => {
  for (const seconds of LOOKS) {
    house.clock.advanceSeconds(seconds)
    for (let step = 0; step < (standIns ? BOOT_STEPS : 2); step += 1) {
      house.clock.advanceSeconds(1)
      house.aws.machines.advance()
      while ((await house.work()) > 0);
      if (standIns) await house.standIns()
    }
    await house.reconcile()
    await house.sendMail()
    if (isAtRest(house.aws)) {
      await endStrays(house)
      return isAtRest(house.aws)
    }
  }
  return false
}
