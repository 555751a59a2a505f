import { parentPort, workerData } from 'node:worker_threads'

/** Runs one function's deployed code as Lambda does: its module once, its handler for each event. */

const { url, exportName, issuerKeys } = workerData

// The account's token issuer is the one host outside AWS that a function asks; its keys are the embedded STS's.
const realFetch = globalThis.fetch
globalThis.fetch = async (input, init) =>
  String(input).includes('.tokens.sts.global.api.aws/') ? Response.json(issuerKeys) : realFetch(input, init)

const loaded = import(url).then(
  (module) => ({ handler: module[exportName] }),
  (error) => ({ problem: error }),
)

parentPort.on('message', async ({ id, event }) => {
  try {
    const { handler, problem } = await loaded
    if (problem !== undefined) throw problem
    if (typeof handler !== 'function') throw new Error(`${url} exports no function ${exportName}`)
    parentPort.postMessage({ id, result: await handler(event, {}) })
  } catch (error) {
    parentPort.postMessage({ id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) })
  }
})
