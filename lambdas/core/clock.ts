import { setTimeout as sleep } from 'node:timers/promises'

/** The only source of "now". Passed in, so that a test can own time. */
export interface Clock {
  now(): Date
}

/** Waits. Passed in like the clock, so that waiting passes in a test's own time. */
export type Pause = (milliseconds: number) => Promise<void>

export const systemClock: Clock = { now: () => new Date() }

export const systemPause: Pause = (milliseconds) => sleep(milliseconds)

/** A whole number of seconds since 1970, the unit DynamoDB's TTL expects. */
export const toEpochSeconds = (at: Date): number => Math.floor(at.getTime() / 1000)

export const addSeconds = (at: Date, seconds: number): Date => new Date(at.getTime() + seconds * 1000)
