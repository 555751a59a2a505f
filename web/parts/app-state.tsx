import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { AnswerOf } from '../api.ts'

export type WhoAmI = AnswerOf<'GET /api/session'>

/** What every page may know: who is signed in (null while that is being asked) and how to go elsewhere. */
export interface AppState {
  path: string
  who: WhoAmI | null
  setWho: (who: WhoAmI) => void
  /** Shows another page; `caller` where who is signed in has just changed. */
  go: (path: string, caller?: WhoAmI) => void
}

export const NOBODY: WhoAmI = { account: null, tenant: null, session: null }

export const AppContext = createContext<AppState>({
  path: '/',
  who: null,
  setWho: () => undefined,
  go: () => undefined,
})

export const useApp = (): AppState => useContext(AppContext)
