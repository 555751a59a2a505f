#!/usr/bin/env node
// Stands in for Claude Code in the releases of the rig. Asked to "run <command>" it does, as the real one would for a tenant;
// asked anything else it answers with digests of the credentials that it was started with.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { text } from 'node:stream/consumers'

const digestOf = (name) => {
  const value = process.env[name]
  return `${name} ${value === undefined ? 'none' : createHash('sha256').update(value).digest('hex')}`
}
const runCommand = (command) => {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 20_000 })
  return `status ${status}\n${stdout}${stderr}`
}

const prompt = await text(process.stdin)
const [, command] = /\brun (.+)/s.exec(prompt) ?? []
const result =
  command === undefined
    ? ['CLAUDE_CODE_OAUTH_TOKEN', 'ANTHROPIC_API_KEY', 'GH_TOKEN'].map(digestOf).join('\n')
    : runCommand(command.trim())
process.stdout.write(JSON.stringify({ type: 'result', subtype: 'success', is_error: false, result }))
