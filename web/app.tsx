import { useEffect, useState } from 'preact/hooks'
import { type ApiError, call } from './api.ts'
import { AppContext, type AppState, NOBODY, useApp, type WhoAmI } from './parts/app-state.tsx'
import { focusHeadingNext, PageTitle, Problem } from './parts/common.tsx'
import { errorSentence } from './parts/form.tsx'
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

const SUPPORT_LINKS = [
  ['/', 'Support'],
  ['/settings', 'Settings'],
] as const
const LINKS = { tenant: TENANT_LINKS, admin: ADMIN_LINKS, support: SUPPORT_LINKS } as const

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
  const links = account === null ? [] : LINKS[account.role]
  const [problem, setProblem] = useState<string | null>(null)
  const signOut = async (): Promise<void> => {
    const result = await call('POST /api/logout')
    if (!result.ok && result.error.code !== 'unauthenticated') return setProblem(errorSentence(result.error))
    setProblem(null)
    sessionStorage.clear()
    setWho(NOBODY)
    go('/signin', NOBODY)
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
            <a
              key={href}
              href={href}
              aria-current={path === href || (path === '/' && href === '/admin') ? 'page' : undefined}
            >
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
            {problem !== null && (
              <span class="error" role="alert">
                {problem}
              </span>
            )}
          </div>
        )}
      </div>
    </header>
  )
}

interface AppProps {
  page: Page
  state: AppState
  problem?: ApiError | null
  retry?: () => Promise<void>
}

/** The frame of every page. A page that needs somebody waits for the answer who it is; nobody is asked to sign in. */
export const App = ({ page: Page, state, problem = null, retry }: AppProps) => {
  const { who, path } = state
  const waits = who === null && !PUBLIC_PATHS.includes(path)
  return (
    <AppContext.Provider value={state}>
      <Header />
      <main id="main" class={Page.narrow ? 'narrow' : undefined} tabIndex={-1}>
        {problem !== null && <Problem error={problem} retry={retry === undefined ? undefined : () => void retry()} />}
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

/** Fetching a page's own script failed: offline, or the site was replaced by a newer one since. */
const Unreachable = () => (
  <div class="stack">
    <PageTitle title="Offline">This page cannot be loaded right now</PageTitle>
    <p>You seem to be offline, or a newer version of this site is out. Nothing was lost.</p>
    <div>
      <button type="button" class="primary" onClick={() => location.reload()}>
        Try again
      </button>
    </div>
  </div>
)
const UNREACHABLE: Page = { view: Unreachable, narrow: true, waits: false }

/** Holds who is signed in and which page is shown; links inside the site change the page without a reload. */
export const Root = ({ startPath, startPage, loadPage }: RootProps) => {
  const [who, setWho] = useState<WhoAmI | null>(null)
  const [problem, setProblem] = useState<ApiError | null>(null)
  const [shown, setShown] = useState<{ path: string; page: Page }>({ path: startPath, page: startPage })

  const show = async (path: string, caller: WhoAmI | null): Promise<void> => {
    setShown({ path, page: await loadPage(path, caller).catch(() => UNREACHABLE) })
  }
  const go = (path: string, caller = who): void => {
    history.pushState(null, '', path)
    scrollTo(0, 0)
    focusHeadingNext()
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
    void show(path, caller ?? null)
  }
  const ask = async (): Promise<void> => {
    const result = await call('GET /api/session')
    if (!result.ok) return setProblem(result.error)
    setProblem(null)
    setWho((was) => {
      // Somebody else has signed in in another tab: what is on this page belongs to the account before.
      if (was?.account != null && was.account.id !== result.value.account?.id) location.reload()
      return was?.account?.id === result.value.account?.id && was !== null ? was : result.value
    })
  }

  useEffect(() => {
    void ask()
    const again = (): void => {
      if (!document.hidden) void ask()
    }
    document.addEventListener('visibilitychange', again)
    addEventListener('focus', again)
    return () => {
      document.removeEventListener('visibilitychange', again)
      removeEventListener('focus', again)
    }
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
      if (link.pathname !== location.pathname) go(link.pathname)
    }
    const back = (): void => {
      focusHeadingNext()
      void show(location.pathname, who)
    }
    document.addEventListener('click', follow)
    addEventListener('popstate', back)
    return () => {
      document.removeEventListener('click', follow)
      removeEventListener('popstate', back)
    }
  }, [who])

  return (
    <App
      page={shown.page}
      state={{ path: shown.path, who, setWho, go }}
      problem={who === null ? problem : null}
      retry={ask}
    />
  )
}
