import { STRAY_SWEEP_SECONDS } from '../../lambdas/contract/facts.ts'
import type { Harness } from './harness.ts'

/** One pass for each kind, as the minutes go by; machines and heartbeats go on. */
export const sweep = async (house: Harness): Promise<void> => {
  for (let minute = 0; minute < 4; minute += 1) {
    house.clock.advanceSeconds(60)
    house.aws.machines.advance()
    await house.standIns()
    await house.reconcile()
  }
}

/** An hour later, when each kind is due again. */
export const sweepLater = async (house: Harness): Promise<void> => {
  house.clock.advanceSeconds(STRAY_SWEEP_SECONDS)
  await sweep(house)
}
