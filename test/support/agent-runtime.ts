import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import type { RuntimeStatus } from '../../agent/runtime/status-file.ts'
import { startStandInSlack } from './stand-in-slack.ts'

const RUNTIME_TESTS = resolve(import.meta.dirname, '../agent/runtime')

/** Invented values of the right shape, to be looked for where they must not be. */
export const PLANTED = {
  claudeCodeToken: 'sk-ant-oat01-Zq8vK2mW9xR4tB7nPlanted',
  githubToken: 'ghp_Hh3jT6yU1iO9pL4kPlanted',
  slackBotToken: 'xoxb-Ww5eD8cV2fG7hN1mPlanted',
  slackAppToken: 'xapp-Qq4rS7aX9zC3vB6nPlanted',
}

export interface ClaudeCall {
  at: 'start' | 'git' | 'end'
  args: string[]
  env: Record<string, string>
  folder: string
  prompt: string
  told: string
}

export const until = <T>(check: () => T): Promise<T> => vi.waitFor(check, { timeout: 8000, interval: 10 })

/** A machine as the runtime finds it: its folders, its programs, its credentials, and a Slack to talk to. */
export const createMachine = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-runtime-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const slack = await startStandInSlack()
  onTestFinished(slack.stop)
  const programs = join(folder, 'bin')
  const state = join(folder, 'state')
  const credentialsFile = join(folder, 'credentials.json')
  const statusFile = join(folder, 'status.json')
  for (const place of [programs, state]) mkdirSync(place)

  const installProgram = (name: string, script: string): void => {
    writeFileSync(join(programs, name), script)
    chmodSync(join(programs, name), 0o755)
  }
  const installClaude = (): void =>
    installProgram('claude', `#!${process.execPath}\n${readFileSync(join(RUNTIME_TESTS, 'fake-claude.mjs'), 'utf8')}`)
  installClaude()
  installProgram('gh', '#!/bin/sh\n')

  const giveCredentials = (credentials: Record<string, string>): void => {
    writeFileSync(`${credentialsFile}.draft`, JSON.stringify(credentials))
    renameSync(`${credentialsFile}.draft`, credentialsFile)
  }

  const startWith = (entry: string, path: string, turnLimitMilliseconds = 20_000) => {
    rmSync(statusFile, { force: true })
    const child = spawn(process.execPath, [entry], {
      env: {
        CREDENTIALS_FILE: credentialsFile,
        STATUS_FILE: statusFile,
        STATE_DIR: state,
        PATH: path,
        SLACK_API_URL: slack.apiUrl,
        NODE_COMPILE_CACHE: join(tmpdir(), 'vestibule-compile-cache'),
        TURN_LIMIT_MILLISECONDS: String(turnLimitMilliseconds),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let log = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()))
    const exited = once(child, 'exit').then(([code]): number | null => code)
    return { child, log: () => log, exited, term: () => void child.kill('SIGTERM') }
  }

  const usualPath = `${programs}:/usr/bin:/bin`
  const status = (): RuntimeStatus => JSON.parse(readFileSync(statusFile, 'utf8'))
  return {
    folder,
    programs,
    state,
    slack,
    status,
    installClaude,
    giveCredentials,
    removeCredentials: () => rmSync(credentialsFile),
    /** What the stand-in for Claude Code noted, in order. */
    calls: (...kinds: ClaudeCall['at'][]): ClaudeCall[] => {
      const notes = join(programs, 'calls.jsonl')
      if (!existsSync(notes)) return []
      return readFileSync(notes, 'utf8')
        .trim()
        .split('\n')
        .map((line): ClaudeCall => JSON.parse(line))
        .filter(({ at }) => (kinds.length === 0 ? ['start'] : kinds).includes(at))
    },
    start: (path = usualPath) => startWith(join(RUNTIME_TESTS, 'runtime-main.ts'), path),
    /** The entry that is shipped; it would go to the real Slack, so it is given no Slack tokens here. */
    startShipped: (path = usualPath) => startWith(resolve(RUNTIME_TESTS, '../../../agent/runtime/main.ts'), path),
    /** Started, and connected. */
    startReady: async (credentials: Record<string, string> = PLANTED, turnLimitMilliseconds?: number) => {
      giveCredentials(credentials)
      const runtime = startWith(join(RUNTIME_TESTS, 'runtime-main.ts'), usualPath, turnLimitMilliseconds)
      await until(() => {
        if (!status().ready) throw new Error(`not ready: ${runtime.log()}`)
      })
      return runtime
    },
  }
}
