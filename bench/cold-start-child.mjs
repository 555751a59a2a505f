/** One function in a fresh process: prints when its module was there and when it had answered, in milliseconds. */
const [, , url = '', exportName = '', event = '{}'] = process.argv
const startedAt = performance.now()
if (url !== '') {
  const module = await import(url)
  const importedAt = performance.now()
  await module[exportName](JSON.parse(event), {})
  process.stdout.write(JSON.stringify({ import: importedAt - startedAt, answer: performance.now() - importedAt }))
}
