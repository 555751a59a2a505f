import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ApiError, ApiResult } from '../api.ts'
import { NOBODY, useApp } from './app-state.tsx'
import { errorSentence, SignInElsewhere } from './form.tsx'

let headingWantsFocus = false

/** The next page's heading takes the focus: after a link or a step back, not when a page is opened afresh. */
export const focusHeadingNext = (): void => {
  headingWantsFocus = true
}

/** The one heading of a page; it gets the focus after a change of page, so that a screen reader starts there. */
export const PageTitle = ({ children, title }: { children: ComponentChildren; title?: string }) => {
  const heading = useRef<HTMLHeadingElement>(null)
  const { path } = useApp()
  useEffect(() => {
    if (title !== undefined) document.title = `${title} · Vestibule`
  }, [title])
  useEffect(() => {
    if (headingWantsFocus) heading.current?.focus()
    headingWantsFocus = false
  }, [path])
  return (
    <h1 ref={heading} tabIndex={-1} class="long">
      {children}
    </h1>
  )
}

export const Problem = ({ error, retry }: { error: ApiError; retry?: () => void }) => (
  <div class="notice bad" role="alert">
    <p>
      {errorSentence(error)} {error.code === 'unauthenticated' && <SignInElsewhere />}
    </p>
    {retry !== undefined && (
      <div>
        <button type="button" onClick={retry}>
          Try again
        </button>
      </div>
    )}
  </div>
)

/** Failures that pass by themselves. */
const RETRIED: readonly string[] = ['offline', 'unavailable', 'rate_limited', 'internal']

type Loaded<T> = { state: 'loading' } | { state: 'ready'; value: T } | { state: 'failed'; error: ApiError }

/** Loads something, and again while `again` says so, but not while the tab is hidden. A later failure keeps what was shown. */
export const useLoaded = <T,>(
  load: () => Promise<ApiResult<T>>,
  again: (value: T) => boolean,
  keys: readonly unknown[],
) => {
  const [loaded, setLoaded] = useState<Loaded<T>>({ state: 'loading' })
  const [stale, setStale] = useState<ApiError | null>(null)
  const [round, setRound] = useState(0)
  const { setWho } = useApp()
  useEffect(() => {
    let alive = true
    let timer: ReturnType<typeof setTimeout> | undefined
    const turn = async (): Promise<void> => {
      if (document.hidden) {
        document.addEventListener('visibilitychange', () => void turn(), { once: true })
        return
      }
      const result = await load()
      if (!alive) return
      if (result.ok) {
        setStale(null)
        setLoaded({ state: 'ready', value: result.value })
        if (again(result.value)) timer = setTimeout(() => void turn(), 1500)
        return
      }
      if (result.error.code === 'unauthenticated') setWho(NOBODY)
      setStale(result.error)
      setLoaded((was) => (was.state === 'ready' ? was : { state: 'failed', error: result.error }))
      if (RETRIED.includes(result.error.code)) {
        timer = setTimeout(() => void turn(), (result.error.retryAfterSeconds ?? 4) * 1000)
      }
    }
    void turn()
    return () => {
      alive = false
      clearTimeout(timer)
    }
  }, [...keys, round])
  return {
    loaded,
    stale,
    reload: () => setRound((was) => was + 1),
    set: (value: T) => {
      setLoaded({ state: 'ready', value })
      setRound((was) => was + 1)
    },
  }
}

export const Loading = ({ what }: { what: string }) => (
  <p class="quiet" role="status">
    Loading {what}…
  </p>
)

/** The heads of a table's columns; `hasActions` where each row ends with its buttons. */
export const TableHead = ({ columns, hasActions = false }: { columns: readonly string[]; hasActions?: boolean }) => (
  <thead>
    <tr>
      {columns.map((column) => (
        <th key={column} scope="col">
          {column}
        </th>
      ))}
      {hasActions && (
        <th scope="col">
          <span class="visually-hidden">Actions</span>
        </th>
      )}
    </tr>
  </thead>
)

/** Loads a part of a page when it is first wanted; null until it is there. */
export const useLater = <T,>(wanted: boolean, load: () => Promise<T>): T | null => {
  const [part, setPart] = useState<{ module: T } | null>(null)
  useEffect(() => {
    if (wanted && part === null) {
      void load().then(
        (module) => setPart({ module }),
        () => location.reload(),
      )
    }
  }, [wanted])
  return part?.module ?? null
}
