import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { ORIGIN_PROOF_HEADER } from '../lambdas/contract/site.ts'
import { synthesise, WORKING } from '../test/support/assembly.ts'
import { deploy } from '../test/support/deployed.ts'
import { readTemplates } from '../test/support/templates.ts'

const CHILD = fileURLToPath(new URL('cold-start-child.mjs', import.meta.url))
const ROUNDS = 7
const run = promisify(execFile)

interface ColdStart {
  name: string
  importMilliseconds: number
  answerMilliseconds: number
  /** Whole process, import and first answer in it, as a ratio to a process that does nothing. */
  ratio: number
}

const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0

const measureIn = async (house: Awaited<ReturnType<typeof deploy>>): Promise<ColdStart[]> => {
  const { SecretString = '{}' } = await house.clients.secrets.send(
    new GetSecretValueCommand({ SecretId: house.functions.get('identity')?.env.ORIGIN_PROOF_SECRET }),
  )
  const webEvent = (path: string) => ({
    version: '2.0',
    rawPath: path,
    rawQueryString: '',
    headers: { host: 'api', [ORIGIN_PROOF_HEADER]: JSON.parse(SecretString).a },
    requestContext: { http: { method: 'GET', path } },
    isBase64Encoded: false,
  })
  const events: Record<string, unknown> = {
    identity: webEvent('/api/health'),
    agents: webEvent('/api/agents'),
    support: webEvent('/api/support/agents'),
    provisioner: { Records: [{ messageId: 'm', body: '{}' }] },
    reconciler: { 'detail-type': 'Scheduled Event' },
    mailer: { 'detail-type': 'Scheduled Event' },
    archivist: { 'detail-type': 'Scheduled Event' },
  }
  const start = async (words: string[], env: Record<string, string>) => {
    const startedAt = performance.now()
    const { stdout } = await run(process.execPath, [CHILD, ...words], { env })
    return { whole: performance.now() - startedAt, stdout }
  }

  const measured: ColdStart[] = []
  for (const [name, event] of Object.entries(events)) {
    const fn = house.functions.get(name)
    if (fn === undefined) throw new Error(`there is no function ${name} to start`)
    const rounds = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const bare = await start([], {})
      const { whole, stdout } = await start([fn.entry.url, fn.entry.exportName, JSON.stringify(event)], fn.env)
      rounds.push({ ...JSON.parse(stdout), ratio: whole / bare.whole })
    }
    measured.push({
      name,
      importMilliseconds: median(rounds.map((one) => one.import)),
      answerMilliseconds: median(rounds.map((one) => one.answer)),
      ratio: median(rounds.map(({ ratio }) => ratio)),
    })
  }
  return measured
}

/**
 * Each function's deployed code in fresh processes, from import to its first answer, its AWS calls answered over HTTP on this
 * machine. Rounds alternate with a process that does nothing, so that a machine whose speed drifts favours nobody.
 */
export const measureColdStarts = async (): Promise<ColdStart[]> => {
  const templates = readTemplates((await synthesise(WORKING)).directory)
  const house = await deploy(templates)
  try {
    return await measureIn(house)
  } finally {
    await house.close()
  }
}
