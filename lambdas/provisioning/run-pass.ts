import { addSeconds } from '../core/clock.ts'
import type { ProvisioningDeps } from './move-agent.ts'
import { reconcile } from './reconcile.ts'
import { type SweepDeps, sweepStrays } from './sweep-strays.ts'

/** Agents come first: strays are looked for when they leave this much of a pass, and otherwise in a later one. */
const SWEEP_BEGINS_WITHIN_SECONDS = 20
const SWEEP_ENDS_WITHIN_SECONDS = 45

/** What the reconciler does every minute. */
export const runPass = async (deps: ProvisioningDeps & SweepDeps): Promise<{ looked: number; failed: number }> => {
  const beganAt = deps.clock.now()
  const pass = await reconcile(deps)
  if (deps.clock.now() < addSeconds(beganAt, SWEEP_BEGINS_WITHIN_SECONDS)) {
    await sweepStrays(deps, addSeconds(beganAt, SWEEP_ENDS_WITHIN_SECONDS))
  }
  return pass
}
