import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import * as z from 'zod'

/**
 * `npm run deploy -- [cdk options]`: builds; deploys the data stack, whose key signs what machines install and whose bucket
 * keeps it; signs and uploads that; deploys all stacks, which from then on name it; uploads the site. Everything after `--`
 * goes to `cdk deploy`. Ends with the exit code of the step that failed.
 */

const OUTPUTS = 'cdk-outputs.json'
const DATA_OUTPUTS = 'dist/agent/data-outputs.json'
const PUBLISHED = 'dist/agent/published.json'
const Published = z.object({ stage: z.string(), release: z.string(), publicKey: z.string() })

const given = process.argv.slice(2)
const stage = given.flatMap((word) => /^stage=(.+)$/.exec(word)?.[1] ?? [])[0]

const run = (command: string, ...words: string[]): void => {
  process.stdout.write(`\n> ${[command, ...words].join(' ')}\n`)
  const { status } = spawnSync(command, words, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

const deploy = (outputs: string, ...words: string[]): void =>
  run('cdk', 'deploy', ...words, '--require-approval', 'broadening', '--outputs-file', outputs, ...given)

const operate = (command: string, outputs: string): void =>
  run('node', 'bin/operator.ts', command, '--outputs', outputs, ...(stage === undefined ? [] : ['--stage', stage]))

run('npm', 'run', 'build')
run('npm', 'run', 'build:agent')
deploy(DATA_OUTPUTS, 'VestibuleData', '--exclusively')
operate('publish-agent', DATA_OUTPUTS)
const published = Published.parse(JSON.parse(readFileSync(PUBLISHED, 'utf8')))
const controlPlane = `vestibule-${published.stage}-control-plane`
deploy(
  OUTPUTS,
  '--all',
  ...['--parameters', `${controlPlane}:AgentRelease=${published.release}`],
  ...['--parameters', `${controlPlane}:ReleaseKey=${published.publicKey}`],
)
operate('publish-site', OUTPUTS)
