import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SITE_DIRECTORY = fileURLToPath(new URL('../dist/web', import.meta.url))

/** The folder of the built site; builds it when it is not there yet. */
export const buildSiteIfMissing = async (): Promise<string> => {
  if (!existsSync(`${SITE_DIRECTORY}/index.html`)) {
    const { buildSite } = await import('../web/build.ts')
    await buildSite()
  }
  return SITE_DIRECTORY
}
