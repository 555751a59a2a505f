import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type OutputChunk, rolldown } from 'rolldown'
import type { FunctionName } from '../lambdas/contract/env.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FUNCTIONS: readonly FunctionName[] = [
  ...(['identity', 'agents', 'support', 'provisioner', 'reconciler', 'mailer', 'archivist'] as const),
]

/** Bytes as they are deployed, and as they travel. */
export interface Weight {
  minified: number
  gzipped: number
}

/** One function's code, ready to be deployed. */
export interface Bundle {
  directory: string
  handler: string
  /** What is read before the first request, and what is read later, when it is first needed. */
  eager: Weight
  lazy: Weight
  /** The packages whose code is inside, for saying what a function does not carry. */
  packages: ReadonlySet<string>
}

export type Bundles = Readonly<Record<FunctionName, Bundle>>

const aws = (name: string): string => resolve(ROOT, `lambdas/aws/${name}.aws.ts`)

/** Parts of the SDK that a function can never need, and what stands in their place. */
const ALIASES = {
  '@aws-sdk/credential-provider-node': aws('environment-credentials'),
  '@aws-sdk/middleware-endpoint-discovery': aws('no-endpoint-discovery'),
}

const packageOf = (path: string): string | undefined => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]

const collectEager = (
  chunks: ReadonlyMap<string, OutputChunk>,
  name: string,
  seen = new Set<string>(),
): Set<string> => {
  if (seen.has(name)) return seen
  seen.add(name)
  for (const imported of chunks.get(name)?.imports ?? []) {
    if (chunks.has(imported)) collectEager(chunks, imported, seen)
  }
  return seen
}

const weigh = (chunks: readonly OutputChunk[]): Weight => ({
  minified: chunks.reduce((sum, { code }) => sum + Buffer.byteLength(code), 0),
  gzipped: chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0),
})

const bundleFunction = async (name: FunctionName, into: string): Promise<Bundle> => {
  const directory = join(into, name)
  const build = await rolldown({
    cwd: ROOT,
    input: { index: `lambdas/entry/${name}.lambda.ts` },
    platform: 'node',
    resolve: { mainFields: ['module', 'main'], alias: ALIASES },
    logLevel: 'warn',
  })
  const { output } = await build.generate({
    format: 'esm',
    minify: true,
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  })
  await build.close()
  const chunks = new Map(output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file]] : [])))
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const [fileName, { code }] of chunks) writeFileSync(join(directory, fileName), code)
  const eager = collectEager(chunks, 'index.mjs')
  const all = [...chunks.values()]
  return {
    directory,
    handler: 'index.handler',
    eager: weigh(all.filter(({ fileName }) => eager.has(fileName))),
    lazy: weigh(all.filter(({ fileName }) => !eager.has(fileName))),
    packages: new Set(
      all.flatMap(({ modules }) =>
        Object.entries(modules).flatMap(([path, { renderedLength }]) =>
          renderedLength > 0 ? (packageOf(path) ?? []) : [],
        ),
      ),
    ),
  }
}

/**
 * Bundles every function into a folder of its own: minified ES modules with the SDK inside, split so that what is
 * imported on demand is read on demand. Rolldown and not esbuild, because it can drop the schemas of EC2 calls that nobody
 * makes: 390 kB of a launching function's megabyte.
 */
export const bundleFunctions = async (into = join(ROOT, 'dist/functions')): Promise<Bundles> => {
  const [identity, agents, support, provisioner, reconciler, mailer, archivist] = await Promise.all([
    bundleFunction('identity', into),
    bundleFunction('agents', into),
    bundleFunction('support', into),
    bundleFunction('provisioner', into),
    bundleFunction('reconciler', into),
    bundleFunction('mailer', into),
    bundleFunction('archivist', into),
  ])
  return { identity, agents, support, provisioner, reconciler, mailer, archivist }
}

const kilobytes = ({ minified, gzipped }: Weight): string =>
  `${(minified / 1000).toFixed(0).padStart(5)} / ${(gzipped / 1000).toFixed(0).padStart(3)}`

/** The size of each function, as a table. */
export const sizeTable = (bundles: Bundles): string =>
  [
    'function      before the first request    on demand    (kB minified / gzipped)',
    ...FUNCTIONS.map(
      (name) => `${name.padEnd(14)}${kilobytes(bundles[name].eager).padEnd(28)}${kilobytes(bundles[name].lazy)}`,
    ),
  ].join('\n')
