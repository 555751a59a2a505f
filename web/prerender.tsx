import { renderToString } from 'preact-render-to-string'
import { App } from './app.tsx'
import { loadPage } from './routes.ts'

/** The words of a page as they stand before any script has run. */
export const renderPage = async (path: string): Promise<string> => {
  const page = await loadPage(path, null)
  return renderToString(<App page={page} state={{ path, who: null, setWho: () => undefined, go: () => undefined }} />)
}
