/** The only source of "now". Passed in, so that a test can own time. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }

/** A whole number of seconds since 1970, the unit DynamoDB's TTL expects. */
export const toEpochSeconds = (at: Date): number => Math.floor(at.getTime() / 1000)

export const addSeconds = (at: Date, seconds: number): Date => new Date(at.getTime() + seconds * 1000)
