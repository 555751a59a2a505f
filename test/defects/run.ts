import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Defect, DEFECTS } from './defects.ts'

/**
 * `npm run defects`: breaks one rule at a time in a copy of the tree and expects the test that is named for it to turn red.
 * Each such test is first run once on the code as it is and must be green. Words after `--` choose defects by name, rule or file.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const WORKERS = 2
const LONGEST_RUN_MILLISECONDS = 300_000

const execute = promisify(execFile)
const stopped = new AbortController()

/** The part we read of what vitest's JSON reporter writes. */
interface Report {
  testResults: {
    message: string
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[]
  }[]
}

const copyTree = async (into: string): Promise<void> => {
  const { stdout } = await execute('git', ['ls-files', '-z'], { cwd: ROOT })
  for (const path of stdout.split('\0')) {
    if (path !== '' && existsSync(join(ROOT, path))) cpSync(join(ROOT, path), join(into, path))
  }
  symlinkSync(join(ROOT, 'node_modules'), join(into, 'node_modules'))
  mkdirSync(join(into, 'temporary'))
}

/** Runs a program of node_modules. What it says counts, also when it ends with an error. */
const runNode = async (folder: string, words: readonly string[]): Promise<{ ok: boolean; output: string }> => {
  const options = {
    cwd: folder,
    // What tests leave in the folder for temporary files goes when the copy goes.
    env: { ...process.env, TMPDIR: join(folder, 'temporary') },
    signal: stopped.signal,
    timeout: LONGEST_RUN_MILLISECONDS,
    maxBuffer: 2 ** 26,
  }
  try {
    const { stdout } = await execute(process.execPath, [...words], options)
    return { ok: true, output: stdout }
  } catch (error) {
    stopped.signal.throwIfAborted()
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return { ok: false, output: stdout + stderr }
  }
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

/** Why a test did not say what was expected of it; null when it did. One that only ran out of time has said nothing. */
const judge = (report: Report | null, name: string, expected: 'green' | 'red'): string | null => {
  if (report === null) return 'vitest did not come to an end'
  const tests = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ fullName, status }) => fullName.includes(name) && (status === 'passed' || status === 'failed'))
  if (tests.length === 0) return `it did not run: ${report.testResults.map(({ message }) => message).join(' ')}`
  const failed = tests.filter(({ status }) => status === 'failed')
  if (expected === 'green') return failed.length === 0 ? null : 'it is red without the defect'
  const isRed = failed.some(({ failureMessages }) => failureMessages.some((message) => !/timed out/i.test(message)))
  return isRed ? null : 'it stays green'
}

const runTests = async (folder: string, file: string, names: readonly string[]): Promise<Report | null> => {
  const path = join(folder, 'report.json')
  rmSync(path, { force: true })
  const pattern = names.map(escape).join('|')
  await runNode(folder, [
    ...['node_modules/vitest/vitest.mjs', 'run', file, '--testNamePattern', pattern],
    ...['--reporter=json', '--outputFile=report.json'],
  ])
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null
}

/** The text of a file with defects in it. Throws when one does not fit: then the list is out of date. */
const breakText = (text: string, defects: readonly Defect[]): string => {
  const places = defects.map(({ name, from, to }) => ({ name, from, to, at: text.indexOf(from) }))
  let broken = text
  for (const { name, from, to, at } of places.toSorted((left, right) => right.at - left.at)) {
    if (at === -1 || text.indexOf(from, at + 1) !== -1) throw new Error(`"${name}" no longer fits; mend its "from"`)
    broken = broken.slice(0, at) + to + broken.slice(at + from.length)
  }
  return broken
}

const withDefects = async <T>(folder: string, defects: readonly Defect[], work: () => Promise<T>): Promise<T> => {
  const whole = new Map(defects.map(({ file }) => [file, readFileSync(join(folder, file), 'utf8')]))
  for (const [file, text] of whole) {
    const its = defects.filter((defect) => defect.file === file)
    writeFileSync(join(folder, file), breakText(text, its))
  }
  try {
    return await work()
  } finally {
    for (const [file, text] of whole) writeFileSync(join(folder, file), text)
  }
}

/** Lets a few workers, each in a copy of its own, take one thing after the other. */
const inParallel = async <T>(
  folders: readonly string[],
  things: readonly T[],
  work: (folder: string, thing: T) => Promise<void>,
): Promise<void> => {
  const waiting = [...things]
  await Promise.all(
    folders.map(async (folder) => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(folder, next)
    }),
  )
}

/** A defect that does not compile would be caught by any test. */
const findTypeErrors = (folder: string, defects: readonly Defect[]): Promise<string> =>
  withDefects(folder, defects, async () => {
    const tsc = ['node_modules/typescript/bin/tsc', '-p', '.', '--noUnusedLocals', 'false']
    const { ok, output } = await runNode(folder, [...tsc, '--noUnusedParameters', 'false'])
    return ok ? '' : output
  })

/** The tests that are named and are not green as the code is, with what is wrong. */
const findNotGreen = async (folders: readonly string[], defects: readonly Defect[]): Promise<string[]> => {
  const byFile = Map.groupBy(defects, ({ caughtBy }) => caughtBy.file)
  const found: string[] = []
  await inParallel(folders, [...byFile], async (folder, [file, its]) => {
    const names = [...new Set(its.map(({ caughtBy }) => caughtBy.name))]
    const report = await runTests(folder, file, names)
    for (const name of names) {
      const wrong = judge(report, name, 'green')
      if (wrong !== null) found.push(`${file} > ${name}: ${wrong}`)
    }
  })
  return found
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`)

/** True when every defect was caught by the test that is named for it. */
const proveTests = async (folders: readonly string[], defects: readonly Defect[]): Promise<boolean> => {
  for (const folder of folders) await copyTree(folder)
  const typeErrors = await findTypeErrors(folders[0] ?? ROOT, defects)
  const notGreen = typeErrors === '' ? await findNotGreen(folders, defects) : []
  if (typeErrors !== '' || notGreen.length > 0) {
    say([typeErrors, ...notGreen].join('\n'))
    return false
  }
  let caught = 0
  await inParallel(folders, defects, async (folder, defect) => {
    const { file, name } = defect.caughtBy
    const report = await withDefects(folder, [defect], () => runTests(folder, file, [name]))
    const wrong = judge(report, name, 'red')
    if (wrong === null) caught += 1
    const words = wrong === null ? 'caught by' : `NOT CAUGHT, ${wrong}:`
    say(`${defect.rule.padEnd(8)} ${defect.name.padEnd(72)} ${words} ${file} > ${name}`)
  })
  say(`\nseeded defects caught: ${caught} of ${defects.length}`)
  return caught === defects.length
}

const words = process.argv.slice(2)
const chosen = DEFECTS.filter(({ name, rule, file }) =>
  words.every((word) => [name, rule, file].some((text) => text.includes(word))),
)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())
const folders = Array.from({ length: WORKERS }, () => mkdtempSync(join(tmpdir(), 'vestibule-defects-')))
try {
  if (chosen.length === 0 || !(await proveTests(folders, chosen))) process.exitCode = 1
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}
