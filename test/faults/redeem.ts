import { createHarness, PASSWORD } from '../support/harness.ts'
import { takeOverSleeps } from './sleeps.ts'
import { readWorld } from './world.ts'

export interface Redeemed {
  tried: number
  accounts: number
  created: number
  refused: number
  serverErrors: number
}

/** One invite, redeemed by so many at once over several copies of the app. How many accounts there are is read from the table. */
export const redeemAtOnce = async (tries: number, { seed = 'redeem', copies = 4 } = {}): Promise<Redeemed> => {
  takeOverSleeps()
  const house = await createHarness({ seed })
  const houses = [house]
  while (houses.length < copies) {
    houses.push(await createHarness({ aws: house.aws, clock: house.clock, seed: `${seed} ${houses.length}` }))
  }
  const admin = await house.joinAsAdmin()
  const email = 'ana@example.com'
  const { code } = await house.invite(admin, { email })
  const answers = await Promise.all(
    Array.from({ length: tries }, (_, index) =>
      (houses[index % copies] ?? house)
        .browse({ address: `198.51.${index >> 8}.${index & 255}` })
        .post('/api/signup', { invite: code, email, password: `${PASSWORD} ${index}` }),
    ),
  )
  const count = (matches: (status: number) => boolean): number => answers.filter(({ status }) => matches(status)).length
  const accounts = readWorld(house.aws).accounts.filter((account) => account.email === email).length
  house.aws.close()
  return {
    tried: tries,
    accounts,
    created: count((status) => status === 201),
    refused: count((status) => status === 403),
    serverErrors: count((status) => status >= 500),
  }
}
