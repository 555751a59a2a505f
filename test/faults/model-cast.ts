/** Who there is, or may come to be. Few, so that what they do collides. */

export const ROOT = 'root@example.com'
export const SUE = 'sue@example.com'
export const ANA = 'ana@example.com'
export const BOB = 'bob@example.com'
export const EVERYBODY = [ROOT, SUE, ANA, BOB, 'cy@example.com', 'dan@example.com'] as const
export const NEWCOMERS = ['cy@example.com', 'dan@example.com', BOB, 'eve@example.com'] as const
export const ADMINS = [ROOT, ROOT, ROOT, ROOT, SUE, ANA] as const
export const TENANTS = [ANA, BOB, ANA, BOB, 'cy@example.com', 'dan@example.com', SUE] as const

export const pickFrom = <T>(list: readonly T[], pick: number): T | undefined => list[pick % Math.max(1, list.length)]
