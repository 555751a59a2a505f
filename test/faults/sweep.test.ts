import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { attempt, begin, sweep, withoutBackOff } from './sweep.ts'
import { WORKFLOWS } from './workflows.ts'

/** The quick form of `npm run faults`: every workflow, and of its faults one in so many; the full run leaves none out. */
const ONE_IN = 97

beforeAll(withoutBackOff)

const LAMBDAS = join(import.meta.dirname, '../../lambdas')

/** Calls that no workflow makes, each with what makes it instead. */
const BY_HAND = new Set([
  'ScanCommand', // the operator's restore
  // The operator's new key for a tenant: `tenant-key.test.ts` cuts it off after every call.
  ...['PutKeyPolicyCommand', 'UpdateAliasCommand', 'DescribeSecretCommand', 'UpdateSecretCommand'],
])

describe('faults', () => {
  const seen = new Set<string>()
  let turn = 0

  it.each(WORKFLOWS.map((workflow) => [workflow.name, workflow] as const))(
    'are survived: %s',
    async (_name, workflow) => {
      const result = await sweep(workflow, () => {
        turn += 1
        return turn % ONE_IN === 0
      })
      for (const { name } of result.calls) seen.add(name)
      expect(result.failures).toEqual([])
    },
    60_000,
  )

  it('are tried at every call to AWS that the code can make: a new one without a workflow fails here', () => {
    const operations = readdirSync(LAMBDAS, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.aws.ts') && !path.startsWith('entry/operator') && !path.includes('rotate-'))
      .flatMap((path) => [...readFileSync(join(LAMBDAS, path), 'utf8').matchAll(/new (\w+Command)\(/g)])
      .map(([, command = '']) => command)
      .filter((command) => !BY_HAND.has(command))
    const swept = new Set([...seen].map((call) => call.split('.')[1]))
    const documents: Record<string, string> = {
      Get: 'GetItem',
      Put: 'PutItem',
      Update: 'UpdateItem',
      Delete: 'DeleteItem',
      TransactWrite: 'TransactWriteItems',
      BatchGet: 'BatchGetItem',
    }
    const missing = [...new Set(operations)]
      .map((command) => command.replace(/Command$/, ''))
      .filter((name) => !swept.has(documents[name] ?? name))
    expect(missing).toEqual([])
  })

  it('would be seen: an oracle that is told a lie says so', async () => {
    const [workflow] = WORKFLOWS.filter(({ name }) => name === 'onboard: the work')
    if (workflow === undefined) throw new Error('the workflow is gone')
    const beginning = await begin({ ...workflow, check: async () => 'a lie' })
    const { violations, trace } = await attempt(beginning, [])
    expect(violations).toEqual(['onboard: the work: a lie'])
    expect(trace.length).toBeGreaterThan(20)
    await beginning.end()
  })
})
