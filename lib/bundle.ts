import { readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { buildSync, type Metafile } from 'esbuild'
import type { FunctionName } from '../lambdas/contract/env.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** One function's code, ready to be deployed. */
export interface Bundle {
  directory: string
  handler: string
  /** What is read before the first request, and what is read later, on demand. Bytes, minified and gzipped. */
  eager: { minified: number; gzipped: number }
  lazy: { minified: number; gzipped: number }
  /** The packages inside, for saying what a function does not carry. */
  packages: ReadonlySet<string>
}

const packageOf = (path: string): string | undefined => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]

const collectEager = (outputs: Metafile['outputs'], file: string, seen = new Set<string>()): Set<string> => {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const { path, kind } of outputs[file]?.imports ?? []) {
    if (kind === 'import-statement' && outputs[path] !== undefined) collectEager(outputs, path, seen)
  }
  return seen
}

const weigh = (files: Iterable<string>) => {
  let minified = 0
  let gzipped = 0
  for (const file of files) {
    const bytes = readFileSync(join(ROOT, file))
    minified += bytes.length
    gzipped += gzipSync(bytes, { level: 9 }).length
  }
  return { minified, gzipped }
}

/**
 * Bundles one function into `dist/functions/<name>`: minified ES modules with the SDK inside, split so that what is imported
 * on demand is read on demand. Lambda always hands over credentials by environment, so the SDK's search for them elsewhere
 * is left out.
 */
export const bundleFunction = (name: FunctionName): Bundle => {
  const directory = `dist/functions/${name}`
  rmSync(join(ROOT, directory), { recursive: true, force: true })
  const { metafile } = buildSync({
    absWorkingDir: ROOT,
    entryPoints: { index: `lambdas/entry/${name}.lambda.ts` },
    outdir: directory,
    bundle: true,
    minify: true,
    splitting: true,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    outExtension: { '.js': '.mjs' },
    alias: { '@aws-sdk/credential-provider-node': resolve(ROOT, 'lambdas/aws/environment-credentials.aws.ts') },
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  })
  const eager = collectEager(metafile.outputs, `${directory}/index.mjs`)
  const lazy = Object.keys(metafile.outputs).filter((file) => !eager.has(file))
  return {
    directory: join(ROOT, directory),
    handler: 'index.handler',
    eager: weigh(eager),
    lazy: weigh(lazy),
    packages: new Set(Object.keys(metafile.inputs).flatMap((path) => packageOf(path) ?? [])),
  }
}
