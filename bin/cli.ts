#!/usr/bin/env node
import { spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { runCli } from '../cli/main.ts'
import { createTokenStore, systemKeychain } from '../cli/token-store.ts'
import { Secret } from '../lambdas/core/secret.ts'

/** `vestibule`: the command line of admins and support engineers. */

const readPiped = async (): Promise<Secret> => {
  let text = ''
  for await (const chunk of process.stdin) text += String(chunk)
  return new Secret(text.trim())
}

/** Asks without showing what is typed. */
const readTyped = async (question: string): Promise<Secret> => {
  process.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  const typed = await lines.question('')
  lines.close()
  process.stderr.write('\n')
  return new Secret(typed.trim())
}

const folder = join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'vestibule')
process.exitCode = await runCli(process.argv.slice(2), {
  store: createTokenStore(folder, systemKeychain(process.platform, process.env)),
  fetch,
  readToken: (question) => (process.stdin.isTTY ? readTyped(question) : readPiped()),
  runProgram: (command, words) => spawnSync(command, words, { stdio: 'inherit' }).status,
  askProgram: (command, words) => {
    const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' })
    return status === 0 ? stdout.trim() || stderr.trim() : null
  },
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
})
