import type { Context } from 'hono'
import type { Principal } from '../sessions/principal.ts'

export interface RequestFacts {
  requestId: string
  startedAt: number
}

export interface AppEnv {
  Bindings: Record<string, unknown>
  Variables: { facts: RequestFacts; operation: string; refusalReason: string; principal: Principal | null }
}

export type AppContext = Context<AppEnv>

/** What differs between the local server and Lambda: cookie names, and who knows the client's address. */
export interface Platform {
  cookies: { session: string; knownBrowser: string; secure: boolean }
  clientAddress: (c: AppContext) => string
}

export const PRODUCTION_COOKIES = {
  session: '__Host-vestibule',
  knownBrowser: '__Host-vestibule-known',
  secure: true,
} as const

export const LOCAL_COOKIES = {
  session: 'vestibule-local',
  knownBrowser: 'vestibule-local-known',
  secure: false,
} as const
