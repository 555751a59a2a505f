import { CHAPTER_NAMES } from './chapter-names.ts'
import { createReport } from './report.ts'
import { listMissing } from './needs.ts'
import { claimDirectory, LOCK_FILE } from './place.ts'
import { run } from './program.ts'
import { ensureRootImage } from './root-image.ts'

/**
 * `npm run rig`: boots agents' machines for real and holds them to what they promise. With names of chapters after `--`, those
 * alone. Everything but the cached root file system lives in namespaces of its own, so that the kernel takes it away with the
 * last process, however the rig ends.
 */

const EXIT_NEEDS = 2
const EXIT_BUSY = 3

const explain = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

const unknown = process.argv.slice(2).filter((name) => !CHAPTER_NAMES.includes(name))
if (unknown.length > 0) {
  explain(`There is no chapter ${unknown.join(', ')}. There are: ${CHAPTER_NAMES.join(', ')}.`)
  process.exit(EXIT_NEEDS)
}
const missing = listMissing()
if (missing.length > 0) {
  explain('The rig cannot run here. It needs:')
  for (const line of missing) explain(`  ${line}`)
  process.exit(EXIT_NEEDS)
}
claimDirectory()
if ((await run(['flock', '-n', LOCK_FILE, 'true'])).status !== 0) {
  explain(`Another rig is running here (it holds ${LOCK_FILE}). One at a time.`)
  process.exit(EXIT_BUSY)
}
const image = await ensureRootImage(createReport().note)
if (process.execve === undefined) throw new Error('this Node.js cannot become another program: it needs 22.15 or newer')
process.execve(
  '/usr/bin/flock',
  [
    ...['flock', '--no-fork', '-n', '-E', String(EXIT_BUSY), LOCK_FILE],
    ...['unshare', '--net', '--mount', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc'],
    ...[process.execPath, new URL('inside.ts', import.meta.url).pathname, image, ...process.argv.slice(2)],
  ],
  { ...process.env, NODE_NO_WARNINGS: '1' },
)
