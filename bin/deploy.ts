import { spawnSync } from 'node:child_process'

/**
 * `npm run deploy -- [cdk options]`: builds, deploys all stacks, then uploads the site. Everything after `--` goes to
 * `cdk deploy`. Ends with the exit code of the step that failed.
 */

const OUTPUTS = 'cdk-outputs.json'
const given = process.argv.slice(2)
const stage = given.flatMap((word) => /^stage=(.+)$/.exec(word)?.[1] ?? [])[0]

const steps: string[][] = [
  ['npm', 'run', 'build'],
  ['cdk', 'deploy', '--all', '--require-approval', 'broadening', '--outputs-file', OUTPUTS, ...given],
  ['node', 'bin/operator.ts', 'publish-site', '--outputs', OUTPUTS, ...(stage === undefined ? [] : ['--stage', stage])],
]

for (const [command = '', ...words] of steps) {
  process.stdout.write(`\n> ${[command, ...words].join(' ')}\n`)
  const { status } = spawnSync(command, words, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
