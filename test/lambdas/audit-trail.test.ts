import { describe, expect, it } from 'vitest'
import { createCrash } from '../support/crash.ts'
import { createHarness, PASSWORD } from '../support/harness.ts'

const EMAIL = 'ana@example.com'

describe('the trail', () => {
  it('I-21 holds a change and its event or neither, wherever the process dies', async () => {
    for (let crashAt = 1; crashAt <= 6; crashAt += 1) {
      const crash = createCrash()
      const house = await createHarness({ seed: `trail ${crashAt}`, hook: crash.hook })
      const ana = await house.join(await house.joinAsAdmin(), EMAIL)
      crash.arm(crashAt, 'after')
      void ana.post('/api/tokens', { name: 'ci' })
      await Promise.race([
        expect.poll(crash.isDead, { interval: 2 }).toBe(true),
        new Promise((resolve) => setTimeout(resolve, 100)),
      ])

      const reborn = await createHarness({ aws: house.aws, clock: house.clock, seed: `reborn ${crashAt}` })
      const again = reborn.browse()
      await again.post('/api/login', { email: EMAIL, password: PASSWORD })
      const { tokens } = (await again.get('/api/tokens')).body
      const { events } = (await again.get('/api/audit')).body
      const told = events.filter(({ action }: { action: string }) => action === 'token.created')
      expect([crashAt, told.map(({ target }: { target: string }) => target)]).toEqual([
        crashAt,
        tokens.map(({ id }: { id: string }) => id),
      ])
    }
  })
})
