import type { ComponentType } from 'preact'
import type { WhoAmI } from './parts/app-state.tsx'

export interface Page {
  view: ComponentType
  narrow: boolean
  /** True when there is nothing to show before it is known who is signed in. */
  waits: boolean
}

export const PUBLIC_PATHS: readonly string[] = ['/join', '/signin', '/security']

const page = (view: ComponentType, { narrow = false, waits = true } = {}): Page => ({ view, narrow, waits })

/** Every path that somebody may see; any other is not found, whoever asks. */
const KNOWN = [
  /^\/$/,
  /^\/agents\/(?:new|agt_[0-9a-z]{26})$/,
  /^\/(?:settings|audit|admin)$/,
  /^\/admin\/(?:tenants|staff|audit)$/,
]

const AGENT = /^\/agents\/agt_[0-9a-z]{26}$/

const loadTenantPage = async (path: string): Promise<Page | null> => {
  if (path === '/') return page((await import('./pages/dashboard.tsx')).Dashboard)
  if (path === '/agents/new') return page((await import('./pages/onboard.tsx')).Onboard, { narrow: true, waits: false })
  if (AGENT.test(path)) return page((await import('./pages/agent.tsx')).AgentPage)
  if (path === '/audit') return page((await import('./pages/audit.tsx')).TenantAudit)
  return null
}

const loadAdminPage = async (path: string): Promise<Page | null> => {
  if (path === '/' || path === '/admin') return page((await import('./pages/invites.tsx')).Invites)
  if (path === '/admin/tenants') return page((await import('./pages/tenants.tsx')).Tenants)
  if (path === '/admin/staff') return page((await import('./pages/staff.tsx')).Staff)
  if (path === '/admin/audit') return page((await import('./pages/audit.tsx')).AdminAudit)
  return null
}

const loadPublicPage = async (path: string): Promise<Page | null> => {
  if (path === '/join') return page((await import('./pages/join.tsx')).Join, { narrow: true, waits: false })
  if (path === '/signin') return page((await import('./pages/sign-in.tsx')).SignIn, { narrow: true, waits: false })
  if (path === '/security') return page((await import('./pages/security.tsx')).Security, { waits: false })
  return null
}

const loadSupportHome = async (): Promise<Page> => page((await import('./pages/support.tsx')).Support)

const notFound = async (): Promise<Page> =>
  page((await import('./pages/not-found.tsx')).NotFound, { narrow: true, waits: false })

/** Which page a path shows to whom. Before it is known who asks, the path alone decides. */
export const loadPage = async (path: string, who: WhoAmI | null): Promise<Page> => {
  const open = await loadPublicPage(path)
  if (open !== null) return open
  if (!KNOWN.some((pattern) => pattern.test(path))) return notFound()
  const account = who?.account ?? null
  if (who !== null && account === null)
    return page((await import('./pages/sign-in.tsx')).SignIn, { narrow: true, waits: false })
  if (account !== null && path === '/settings') return page((await import('./pages/settings.tsx')).Settings)
  if (account?.role === 'admin') return (await loadAdminPage(path)) ?? (await notFound())
  if (account?.role === 'support') return path === '/' ? loadSupportHome() : notFound()
  const known = await loadTenantPage(path)
  if (known !== null) return known
  return who === null ? page(() => null) : notFound()
}
