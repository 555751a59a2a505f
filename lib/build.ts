import { bundleFunctions, sizeTable } from './bundles.ts'

/** `npm run build`, second half: the functions, and how much each weighs. */
process.stdout.write(`${sizeTable(await bundleFunctions())}\n`)
