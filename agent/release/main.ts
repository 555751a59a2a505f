import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import packageFile from '../../package.json' with { type: 'json' }
import { collectPrograms } from './programs.ts'
import { buildRelease } from './release.ts'

/** `npm run build:agent`: what agents' machines install, into `dist/agent`. `npm run deploy` does it, signs it and uploads it. */

const PLATFORM = 'linux-arm64'
const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const say = (text: string): void => void process.stdout.write(`${text}\n`)

const programs = await collectPrograms({
  platform: PLATFORM,
  cache: at('dist/programs'),
  own: at(`programs/${PLATFORM}`),
  say,
})
const { id, folder } = await buildRelease({
  platform: PLATFORM,
  version: packageFile.version,
  programs,
  into: at('dist/agent'),
})
const megabytes = statSync(join(folder, 'bundle.tar.gz')).size / 1e6
say(`Release ${id}\n${[...programs.keys()].join(', ')}; ${megabytes.toFixed(0)} MB`)
