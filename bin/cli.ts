#!/usr/bin/env node
import { spawnSync } from 'node:child_process'
import { constants, homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { boundedFetch } from '../cli/bounded-fetch.ts'
import { runCli } from '../cli/main.ts'
import { Misuse } from '../cli/output.ts'
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
  try {
    const typed = await new Promise<string>((resolve, reject) => {
      lines.once('close', () => reject(new Misuse('Broken off. Nothing was kept.')))
      lines.question('').then(resolve, reject)
    })
    return new Secret(typed.trim())
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}

const folder = join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'vestibule')
process.exitCode = await runCli(process.argv.slice(2), {
  store: createTokenStore(folder, systemKeychain(process.platform, process.env)),
  now: () => new Date(),
  fetch: boundedFetch(fetch),
  readToken: (question) => (process.stdin.isTTY ? readTyped(question) : readPiped()),
  runProgram: (command, words) => {
    const { status, signal } = spawnSync(command, words, { stdio: 'inherit' })
    return signal === null ? status : 128 + constants.signals[signal]
  },
  askProgram: (command, words) => {
    const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' })
    return status === 0 ? stdout.trim() || stderr.trim() : null
  },
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
})
