import { beforeEach, expect } from 'vitest'

/** Every test must assert something; one that cannot fail is a defect. */
beforeEach(() => {
  expect.hasAssertions()
})
