import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative } from 'node:path'
import { HASHED_FILES, PAGE_HEADERS, SITE_PAGES, SITE_TYPES } from '../lambdas/contract/site.ts'

const listFiles = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))

/** Serves the built site out of memory. Only files that were built can be reached; a path is never joined to a folder. */
export const createSite = (directory: string) => {
  const files = new Map(listFiles(directory).map((name) => [`/${name}`, readFileSync(join(directory, name))]))

  const respond = (name: string, status: number, method: string): Response => {
    const body = files.get(`/${name}`)
    const headers = new Headers(PAGE_HEADERS)
    headers.set('content-type', SITE_TYPES[extname(name)] ?? 'application/octet-stream')
    headers.set('cache-control', name.startsWith(HASHED_FILES) ? 'public, max-age=31536000, immutable' : 'no-store')
    return new Response(method === 'HEAD' || body === undefined ? null : new Uint8Array(body), { status, headers })
  }

  return (request: Request): Response => {
    const { pathname } = new URL(request.url)
    if (request.method !== 'GET' && request.method !== 'HEAD') return respond('needs-script.html', 405, request.method)
    const page = SITE_PAGES.find(([pattern]) => pattern.test(pathname))?.[1]
    if (page !== undefined) return respond(page, 200, request.method)
    return files.has(pathname) && !pathname.endsWith('.html')
      ? respond(pathname.slice(1), 200, request.method)
      : respond('404.html', 404, request.method)
  }
}
