import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { call } from './api.ts'
import { AppContext, type AppState, NOBODY, useApp, type WhoAmI } from './parts/app-state.tsx'
import { PUBLIC_PATHS, type Page } from './routes.ts'

const TENANT_LINKS = [
  ['/', 'Agents'],
  ['/audit', 'Audit trail'],
  ['/settings', 'Settings'],
] as const
const ADMIN_LINKS = [
  ['/admin', 'Invites'],
  ['/admin/tenants', 'Tenants'],
  ['/admin/staff', 'Staff'],
  ['/admin/audit', 'Audit trail'],
  ['/settings', 'Settings'],
] as const

const Wordmark = () => (
  <a class="brand" href="/">
    <svg width="24" height="24" viewBox="0 0 32 32" aria-hidden="true">
      <path
        d="M8 27V14a8 8 0 0 1 16 0v13M16 27V15"
        fill="none"
        stroke="currentColor"
        stroke-width="2.8"
        stroke-linecap="round"
      />
    </svg>
    Vestibule
  </a>
)

const Header = () => {
  const { who, path, setWho, go } = useApp()
  const account = who?.account ?? null
  const links =
    account === null ? [] : account.role === 'tenant' ? TENANT_LINKS : account.role === 'admin' ? ADMIN_LINKS : []
  const signOut = async (): Promise<void> => {
    await call('POST /api/logout')
    setWho(NOBODY)
    go('/signin')
  }
  return (
    <header class="top">
      <a class="skip" href="#main" data-native>
        Skip to the content
      </a>
      <div>
        <Wordmark />
        <nav aria-label="Main">
          {links.map(([href, label]) => (
            <a key={href} href={href} aria-current={path === href ? 'page' : undefined}>
              {label}
            </a>
          ))}
        </nav>
        {account !== null && (
          <div class="who">
            <span>
              {account.email}
              {who?.tenant == null ? '' : ` · ${who.tenant.name}`}
            </span>
            <button type="button" class="plain" onClick={() => void signOut()}>
              Sign out
            </button>
          </div>
        )}
      </div>
    </header>
  )
}

/** The frame of every page. A page that needs somebody waits for the answer who it is; nobody is asked to sign in. */
export const App = ({ page: Page, state }: { page: Page; state: AppState }) => {
  const { who, path } = state
  const waits = who === null && !PUBLIC_PATHS.includes(path)
  return (
    <AppContext.Provider value={state}>
      <Header />
      <main id="main" class={Page.narrow ? 'narrow' : undefined} tabIndex={-1}>
        {waits && Page.waits ? (
          <p class="quiet" role="status">
            Opening Vestibule…
          </p>
        ) : (
          <Page.view />
        )}
      </main>
      <footer>
        <a href="/security">How Vestibule keeps things safe</a>
      </footer>
    </AppContext.Provider>
  )
}

interface RootProps {
  startPath: string
  startPage: Page
  loadPage: (path: string, who: WhoAmI | null) => Promise<Page>
}

/** Holds who is signed in and which page is shown; links inside the site change the page without a reload. */
export const Root = ({ startPath, startPage, loadPage }: RootProps) => {
  const [who, setWho] = useState<WhoAmI | null>(null)
  const [shown, setShown] = useState<{ path: string; page: Page }>({ path: startPath, page: startPage })

  const show = async (path: string, caller: WhoAmI | null): Promise<void> => {
    setShown({ path, page: await loadPage(path, caller) })
  }
  const go = (path: string): void => {
    history.pushState(null, '', path)
    scrollTo(0, 0)
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
    void show(path, who)
  }

  useEffect(() => {
    void call('GET /api/session').then((result) => setWho(result.ok ? result.value : NOBODY))
  }, [])
  useEffect(() => {
    if (who !== null) void show(location.pathname, who)
  }, [who])
  useEffect(() => {
    const follow = (event: MouseEvent): void => {
      const link = event.target instanceof Element ? event.target.closest('a') : null
      const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
      if (link === null || !plain || link.origin !== location.origin || 'native' in link.dataset || link.target !== '')
        return
      event.preventDefault()
      go(link.pathname)
    }
    const back = (): void => void show(location.pathname, who)
    document.addEventListener('click', follow)
    addEventListener('popstate', back)
    return () => {
      document.removeEventListener('click', follow)
      removeEventListener('popstate', back)
    }
  }, [who])

  return <App page={shown.page} state={{ path: shown.path, who, setWho, go }} />
}

export type View = ComponentType
