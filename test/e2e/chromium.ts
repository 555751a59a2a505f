import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

const SCREENSHOTS = resolve('test-report/screenshots')

/** CHROMIUM_PATH, then the system's own. Null when there is none, and said loudly: what needs it then did not run. */
export const findChromium = (neededFor: string): string | null => {
  const candidates = [
    process.env.CHROMIUM_PATH,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
  ]
  const found = candidates.find((path) => path !== undefined && path !== '' && existsSync(path)) ?? null
  if (found === null) {
    process.stderr.write(`\n!!! NO CHROMIUM: ${neededFor} SKIPPED. Install one or set CHROMIUM_PATH.\n\n`)
  }
  return found
}

export const launchChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
    // As in everybody's browser, a page that was left may come back out of memory, with all that stands in it.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  })

const VIEWS = [
  { name: '360', width: 360, height: 780 },
  { name: '768', width: 768, height: 1024 },
  { name: '1440', width: 1440, height: 900 },
] as const

/** The page at each width, light and dark. Also says where it is wider than the window. */
export const takeScreenshots = async (page: Page, name: string): Promise<string[]> => {
  mkdirSync(SCREENSHOTS, { recursive: true })
  const before = page.viewportSize()
  const tooWide: string[] = []
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme })
    for (const view of VIEWS) {
      await page.setViewportSize(view)
      // The page repaints after a resize; a picture taken at once may show half of it.
      await page.waitForTimeout(60)
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${scheme}-${view.name}.png`), fullPage: true })
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      )
      if (overflow > 0) tooWide.push(`${name} at ${view.name}: ${overflow} px too wide`)
    }
  }
  await page.emulateMedia({ colorScheme: 'light' })
  if (before !== null) await page.setViewportSize(before)
  return tooWide
}

/** Everything a page complains about: console errors, failed requests, requests to anywhere else. */
export const watchPage = (page: Page, origin: string): string[] => {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`))
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:'))
      complaints.push(`foreign request: ${request.url()}`)
  })
  return complaints
}
