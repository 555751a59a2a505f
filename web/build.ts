import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type InlineConfig } from 'vite'

const WEB = fileURLToPath(new URL('.', import.meta.url))
const OUT = fileURLToPath(new URL('../dist/web', import.meta.url))
const SERVER_OUT = fileURLToPath(new URL('../dist/prerender', import.meta.url))

/** Files whose words stand in the HTML, with the path they are rendered for. */
const PAGES: readonly { file: string; path: string; title: string }[] = [
  { file: 'index.html', path: '/', title: 'Vestibule' },
  { file: 'join.html', path: '/join', title: 'Join · Vestibule' },
  { file: 'signin.html', path: '/signin', title: 'Sign in · Vestibule' },
  { file: 'onboard.html', path: '/agents/new', title: 'New agent · Vestibule' },
  { file: 'security.html', path: '/security', title: 'Security · Vestibule' },
  { file: '404.html', path: '/404', title: 'Not found · Vestibule' },
]

const NEEDS_SCRIPT =
  '<main><h1>Nothing was stored</h1><p>This form needs JavaScript. Allow it for this site, go back and try again.</p><p><a href="/">Back to Vestibule</a></p></main>'

/** The template without what it says where its script is missing: this page has none. */
const withoutStanding = (template: string): string =>
  template.replace(/^ *<div id="not-ready".*\n/m, '').replace(/^ *<noscript>.*\n/m, '')

const fill = (template: string, title: string, assets: string, body: string): string =>
  template
    .replace('<!--title-->', () => title)
    .replace('<!--assets-->', () => assets)
    .replace('<!--app-->', () => body)

const isRenderer = (module: unknown): module is { renderPage: (path: string) => Promise<string> } =>
  typeof module === 'object' && module !== null && 'renderPage' in module

const readManifest = (): { script: string; styles: string[] } => {
  const manifest: Record<string, { file: string; css?: string[]; isEntry?: boolean }> = JSON.parse(
    readFileSync(join(OUT, '.vite/manifest.json'), 'utf8'),
  )
  const entry = Object.values(manifest).find((chunk) => chunk.isEntry === true)
  if (entry === undefined) throw new Error('the site was built without an entry; check web/main.tsx')
  return { script: entry.file, styles: entry.css ?? [] }
}

/** Builds the site into `dist/web`: one script entry, one style sheet, and pages whose first words need neither. */
export const buildSite = async (): Promise<void> => {
  const common: InlineConfig = {
    root: WEB,
    logLevel: 'warn',
    configFile: false,
    oxc: {
      jsx: { runtime: 'classic', pragma: 'h', pragmaFrag: 'Fragment' },
      jsxInject: `import { h, Fragment } from 'preact'`,
    },
  }
  await build({
    ...common,
    build: {
      outDir: OUT,
      emptyOutDir: true,
      manifest: true,
      target: 'es2023',
      modulePreload: false,
      assetsInlineLimit: 0,
      rolldownOptions: {
        input: join(WEB, 'main.tsx'),
        output: {
          codeSplitting: {
            groups: [
              {
                name: 'base',
                test: /node_modules|web\/(?:app|api|words|routes|parts\/(?:app-state|common|form|time))\.tsx?$|contract\/facts/,
              },
            ],
          },
        },
      },
    },
  })
  await build({
    ...common,
    publicDir: false,
    ssr: { noExternal: true },
    build: { ssr: join(WEB, 'prerender.tsx'), outDir: SERVER_OUT, emptyOutDir: true },
  })
  const renderer: unknown = await import(pathToFileURL(join(SERVER_OUT, 'prerender.js')).href)
  if (!isRenderer(renderer)) throw new Error('web/prerender.tsx must export renderPage')
  const { script, styles } = readManifest()
  const assets = [
    ...styles.map((file) => `<link rel="stylesheet" href="/${file}" />`),
    `<script type="module" src="/${script}"></script>`,
  ].join('\n    ')
  const template = readFileSync(join(WEB, 'template.html'), 'utf8')
  mkdirSync(OUT, { recursive: true })
  for (const { file, path, title } of PAGES) {
    writeFileSync(join(OUT, file), fill(template, title, assets, await renderer.renderPage(path)))
  }
  const styleOnly = styles.map((file) => `<link rel="stylesheet" href="/${file}" />`).join('\n    ')
  writeFileSync(
    join(OUT, 'needs-script.html'),
    fill(withoutStanding(template), 'Nothing was stored · Vestibule', styleOnly, NEEDS_SCRIPT),
  )
  rmSync(join(OUT, '.vite'), { recursive: true })
  rmSync(SERVER_OUT, { recursive: true })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildSite()
