import { describe, expect, it } from 'vitest'
import { runModel, runModelUntil } from './model.ts'

/** The quick form of what `npm run faults` does with many times as many commands. */
const FAULT_RATE = 0.05

describe('random commands', () => {
  it('PRV-18 on copies of the app that die and on an AWS that fails keep every rule, and all comes to rest', async () => {
    const run = await runModelUntil(450, { seed: 20_261_121, commands: 60, faultRate: FAULT_RATE })

    expect(run.violations).toEqual([])
    expect(run.faults).toBeGreaterThan(20)
  }, 60_000)

  it('come out the same a second time, so that a failure replays from its seed', async () => {
    const options = { seed: 7, commands: 40, faultRate: FAULT_RATE }
    expect(await runModel(options)).toEqual(await runModel(options))
  }, 60_000)
})
